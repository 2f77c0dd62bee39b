// Splats as .splat, the format of a web viewer: 32 bytes each and no header.
// Source: github.com/antimatter15/splat.
//
// f32 means; f32 scales; four bytes 255 (0.5 + Y_0 c), 255 opacity; four bytes 128 q / |q| + 128 in
// the order w x y z. Writers put what covers most first, so that a file that is still loading shows
// something. Harmonics but the constant are lost.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "modalities/splat/splats.h"
#include "runtime/base/result.h"

namespace kiln {

// Values are as they stand: not checked, axes as in the file.
Result<Splats> parse_dot_splat(std::span<const std::byte> bytes, const std::string& where,
                               size_t max_splats);
std::vector<std::byte> dot_splat_bytes(const Splats& splats);

}   // namespace kiln
