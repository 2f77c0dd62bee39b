// Sizes for people.
#pragma once
#include <cstdint>
#include <string>

namespace kiln {

// "17.5 MiB", rounded to the nearest tenth.
inline std::string mebibytes(uint64_t bytes) {
    const uint64_t tenths = (bytes * 10 + (1u << 19)) >> 20;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MiB";
}

}   // namespace kiln
