// Splats as binary glTF: a primitive of points with the extension KHR_gaussian_splatting, which
// viewers that do not know it show as coloured points.
// Source: Khronos. KHR_gaussian_splatting (extensions/2.0/Khronos in the glTF repository).
//
// Attributes, all f32 but the colour of the points: POSITION; KHR_gaussian_splatting:ROTATION,
// unit, x y z w; :SCALE, not its logarithm; :OPACITY, 0 to 1; :SH_DEGREE_l_COEF_n, in the order of
// splats.h; COLOR_0, linear light and opacity.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "modalities/splat/splats.h"
#include "runtime/base/result.h"

namespace kiln {

// All primitives of splats in the default scene, as its nodes place them. Drafts of the extension
// kept logarithms of scales: negative ones tell. Not read: nodes that stretch unequally, another
// kernel or colour space than the usual, compression, buffers outside of the file.
Result<Splats> parse_gltf_splats(std::span<const std::byte> bytes, const std::string& where,
                                 size_t max_splats);
// More than the 4 GiB that the format can count: Status::usage.
Result<std::vector<std::byte>> gltf_splats_bytes(const Splats& splats);

}   // namespace kiln
