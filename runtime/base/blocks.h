// Blocks of quantised weights as GGUF files keep them: small codes with a scale, and for some types
// a minimum, that neighbours share. Source: ggml, src/ggml-quants.c and docs/gguf.md.
//
// Every format is one formula. With s(i) and m(i) the scale and minimum of element i's group,
//     value(i) = d * s(i) * (code(i) - zero) - dmin * m(i).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/dtype.h"

namespace kiln {

struct BlockFormat {
    DType type;
    std::string_view name;
    int elements, bytes;   // of a block; 32 or 256 elements
    int bits;              // of a code
    int zero;              // the code of 0 where there is no minimum
    int group;             // elements that share s and m
    bool has_scales;       // s is stored; else it is 1
    bool has_minima;       // dmin is stored; m too where s is, else it is 1
};

const BlockFormat& block_format(DType type);   // of a block type

// One block taken apart.
struct BlockValues {
    float d = 0, dmin = 0;
    std::array<int8_t, 16> scales{};   // by group
    std::array<uint8_t, 16> minima{};
    std::array<uint8_t, 256> codes{};
};

// Both ways; `block` has the format's bytes, at any alignment.
void unpack_block(const BlockFormat& format, const std::byte* block, BlockValues& values);
void pack_block(const BlockFormat& format, const BlockValues& values, std::byte* block);

// Whole blocks to f32, and the blocks that come near given values: the nearest scale for the types
// of 32, the least squared error over scale and minimum of each group for those of 256.
void blocks_to_f32(DType type, const void* source, float* target, size_t count);
void blocks_from_f32(DType type, const float* source, void* target, size_t count);

}   // namespace kiln
