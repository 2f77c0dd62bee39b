// Frames of Zstandard, with a limit on what comes out of them.
// Source: Collet, Kucherawy. Zstandard Compression and the 'application/zstd' Media Type. RFC 8878,
// 2021.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

// Appends to `out` what is compressed, which has to be `size` bytes. Damaged, cut short, or of
// another size: Status::bad_file; memory follows what comes out.
Result<void> unzstd(std::span<const std::byte> bytes, const std::string& where, size_t size,
                    std::vector<std::byte>& out);

std::vector<std::byte> zstd(std::span<const std::byte> bytes);   // the same bytes every time

}   // namespace kiln
