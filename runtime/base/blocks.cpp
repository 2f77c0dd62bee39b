#include "runtime/base/blocks.h"

#include <cstring>

#include "runtime/base/check.h"

namespace kiln {
namespace {

constexpr std::array kFormats = {
    BlockFormat{DType::q8_0, "q8_0", 32, 34, 8, 128, 32, false, false},
    BlockFormat{DType::q4_0, "q4_0", 32, 18, 4, 8, 32, false, false},
    BlockFormat{DType::q4_1, "q4_1", 32, 20, 4, 0, 32, false, true},
    BlockFormat{DType::q5_0, "q5_0", 32, 22, 5, 16, 32, false, false},
    BlockFormat{DType::q5_1, "q5_1", 32, 24, 5, 0, 32, false, true},
    BlockFormat{DType::q4_k, "q4_k", 256, 144, 4, 0, 32, true, true},
    BlockFormat{DType::q5_k, "q5_k", 256, 176, 5, 0, 32, true, true},
    BlockFormat{DType::q6_k, "q6_k", 256, 210, 6, 32, 16, true, false},
};

float half_at(const uint8_t* at) { return f32_from_f16(uint16_t(at[0] | at[1] << 8)); }
void put_half(uint8_t* at, float value) {
    const uint16_t bits = f16_from_f32(value);
    at[0] = uint8_t(bits), at[1] = uint8_t(bits >> 8);
}

// Types of 32: d, perhaps the minimum, perhaps the fifth bits, then nibbles: the low ones are the
// first half of the block.
void unpack_small(const BlockFormat& f, const uint8_t* at, BlockValues& v) {
    v.d = half_at(at);
    v.scales[0] = 1;
    v.minima[0] = f.has_minima;
    v.dmin = f.has_minima ? -half_at(at + 2) : 0;
    at += f.has_minima ? 4 : 2;
    if (f.bits == 8) {
        for (int i = 0; i < 32; i++) v.codes[i] = at[i] ^ 0x80;
        return;
    }
    uint32_t high = 0;
    if (f.bits == 5) {
        std::memcpy(&high, at, sizeof high);
        at += sizeof high;
    }
    for (int i = 0; i < 32; i++)
        v.codes[i] = uint8_t((at[i % 16] >> (i / 16 * 4) & 15) | (high >> i & 1) << 4);
}

void pack_small(const BlockFormat& f, const BlockValues& v, uint8_t* at) {
    put_half(at, v.d);
    if (f.has_minima) put_half(at + 2, -v.dmin);
    at += f.has_minima ? 4 : 2;
    if (f.bits == 8) {
        for (int i = 0; i < 32; i++) at[i] = v.codes[i] ^ 0x80;
        return;
    }
    if (f.bits == 5) {
        uint32_t high = 0;
        for (int i = 0; i < 32; i++) high |= uint32_t(v.codes[i] >> 4) << i;
        std::memcpy(at, &high, sizeof high);
        at += sizeof high;
    }
    for (int i = 0; i < 16; i++) at[i] = uint8_t((v.codes[i] & 15) | (v.codes[i + 16] & 15) << 4);
}

// q4_k and q5_k: d, dmin, eight scales and minima of six bits in twelve bytes, the fifth bits (bit
// j of byte l is element 32 j + l), then nibbles: the low ones of 32 bytes are one group, the high
// ones the next.
void unpack_k(const BlockFormat& f, const uint8_t* at, BlockValues& v) {
    v.d = half_at(at), v.dmin = half_at(at + 2);
    const uint8_t* s = at + 4;
    for (int j = 0; j < 4; j++) {
        v.scales[j] = int8_t(s[j] & 63), v.minima[j] = s[j + 4] & 63;
        v.scales[j + 4] = int8_t((s[j + 8] & 15) | (s[j] >> 6) << 4);
        v.minima[j + 4] = uint8_t(s[j + 8] >> 4 | (s[j + 4] >> 6) << 4);
    }
    const uint8_t *high = at + 16, *low = f.bits == 5 ? high + 32 : high;
    for (int i = 0; i < 256; i++) {
        const int group = i / 32, l = i % 32;
        v.codes[i] = low[group / 2 * 32 + l] >> (group % 2 * 4) & 15;
        if (f.bits == 5) v.codes[i] |= uint8_t((high[l] >> group & 1) << 4);
    }
}

void pack_k(const BlockFormat& f, const BlockValues& v, uint8_t* at) {
    std::memset(at, 0, size_t(f.bytes));
    put_half(at, v.d), put_half(at + 2, v.dmin);
    uint8_t* s = at + 4;
    for (int j = 0; j < 4; j++) {
        const int scale = v.scales[j + 4], minimum = v.minima[j + 4];
        s[j] = uint8_t(v.scales[j] | (scale >> 4) << 6);
        s[j + 4] = uint8_t(v.minima[j] | (minimum >> 4) << 6);
        s[j + 8] = uint8_t((scale & 15) | (minimum & 15) << 4);
    }
    uint8_t *high = at + 16, *low = f.bits == 5 ? high + 32 : high;
    for (int i = 0; i < 256; i++) {
        const int group = i / 32, l = i % 32;
        low[group / 2 * 32 + l] |= uint8_t((v.codes[i] & 15) << (group % 2 * 4));
        if (f.bits == 5) high[l] |= uint8_t((v.codes[i] >> 4) << group);
    }
}

// q6_k: in each half of 128 elements 64 bytes of nibbles and 32 of upper pairs; scales; d. Where
// element i of a half lies:
struct Place6 {
    int low, low_shift, high, high_shift;
    explicit Place6(int i)
        : low(i / 128 * 64 + i % 64),
          low_shift(i % 128 / 64 * 4),
          high(128 + i / 128 * 32 + i % 32),
          high_shift(i % 128 / 32 * 2) {}
};

void unpack_q6_k(const uint8_t* at, BlockValues& v) {
    std::memcpy(v.scales.data(), at + 192, 16);
    v.d = half_at(at + 208);
    v.dmin = 0;
    v.minima.fill(0);
    for (int i = 0; i < 256; i++) {
        const Place6 p(i);
        v.codes[i] =
            uint8_t((at[p.low] >> p.low_shift & 15) | (at[p.high] >> p.high_shift & 3) << 4);
    }
}

void pack_q6_k(const BlockValues& v, uint8_t* at) {
    std::memset(at, 0, 192);
    std::memcpy(at + 192, v.scales.data(), 16);
    put_half(at + 208, v.d);
    for (int i = 0; i < 256; i++) {
        const Place6 p(i);
        at[p.low] |= uint8_t((v.codes[i] & 15) << p.low_shift);
        at[p.high] |= uint8_t((v.codes[i] >> 4) << p.high_shift);
    }
}

}   // namespace

const BlockFormat& block_format(DType type) {
    ensure(is_block(type), "a block type");
    return kFormats[size_t(type) - size_t(DType::q8_0)];
}

void unpack_block(const BlockFormat& format, const std::byte* block, BlockValues& values) {
    const auto* at = reinterpret_cast<const uint8_t*>(block);
    if (format.elements == 32) return unpack_small(format, at, values);
    if (format.bits == 6) return unpack_q6_k(at, values);
    unpack_k(format, at, values);
}

void pack_block(const BlockFormat& format, const BlockValues& values, std::byte* block) {
    auto* at = reinterpret_cast<uint8_t*>(block);
    if (format.elements == 32) return pack_small(format, values, at);
    if (format.bits == 6) return pack_q6_k(values, at);
    pack_k(format, values, at);
}

void blocks_to_f32(DType type, const void* source, float* target, size_t count) {
    const BlockFormat& f = block_format(type);
    ensure(count % size_t(f.elements) == 0, "whole blocks");
    const auto* block = static_cast<const std::byte*>(source);
    BlockValues v;
    for (size_t done = 0; done < count; done += size_t(f.elements), block += f.bytes) {
        unpack_block(f, block, v);
        for (int i = 0; i < f.elements; i++) {
            const int group = i / f.group;
            *target++ = v.d * float(v.scales[group]) * float(v.codes[i] - f.zero) -
                        v.dmin * float(v.minima[group]);
        }
    }
}

}   // namespace kiln
