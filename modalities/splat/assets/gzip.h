// Streams of gzip, with a limit on what comes out of them.
// Source: Deutsch. GZIP file format specification. RFC 1952, 1996.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

bool is_gzip(std::span<const std::byte> bytes);

// The first `count` bytes of what is compressed, or all if there are fewer.
Result<std::vector<std::byte>> gunzip_head(std::span<const std::byte> bytes,
                                           const std::string& where, size_t count);
// All of it. Damaged, cut short, or more than `limit`: Status::bad_file; memory follows what comes
// out.
Result<std::vector<std::byte>> gunzip(std::span<const std::byte> bytes, const std::string& where,
                                      size_t limit);

std::vector<std::byte> gzip(std::span<const std::byte> bytes);   // the same bytes every time

}   // namespace kiln
