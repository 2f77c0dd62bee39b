// The header of a PLY file: which elements follow, and how their properties are stored.
// Source: Turk. The PLY Polygon File Format. 1994.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

enum class PlyType : uint8_t { i8, u8, i16, u16, i32, u32, f32, f64, list };
size_t size_of(PlyType type);   // 0 for a list

struct PlyProperty {
    std::string name;
    PlyType type;
};

struct PlyElement {
    std::string name;
    uint64_t count = 0;
    std::vector<PlyProperty> properties;

    bool has_list() const;
    size_t stride() const;   // bytes of one, if it has no list
};

struct PlyHeader {
    enum class Format : uint8_t { ascii, little_endian, big_endian } format = Format::ascii;
    std::vector<PlyElement> elements;
    std::vector<std::string> comments;   // without the word
    size_t bytes = 0;                    // of the header: the first element begins here
};

// Of a file that begins with "ply"; lines may end in CR LF. At most 1 MiB, else Status::bad_file,
// as for all that is no header. Counts are as the file claims.
Result<PlyHeader> parse_ply_header(std::span<const std::byte> bytes, const std::string& where);

}   // namespace kiln
