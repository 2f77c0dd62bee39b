// Quantised matrices B [K, columns] as runtime/tensor/quantised.h lays them out: four k of four
// columns at a time. Values of a block are d * scale * (code - zero) - dmin * minimum. K and
// columns are counted in fours here. Define QUANT_PAIR(i), the pair of words at index i of the
// matrix, before including this.
#ifndef KILN_QUANT_GLSL
#define KILN_QUANT_GLSL
#include "lib/format.glsl"

uint code_bits(uint format) {
    if (format == kQ8_0) return 8;
    if (format == kQ6_K) return 6;
    return format == kQ5_0 || format == kQ5_1 || format == kQ5_K ? 5 : 4;
}
float zero_code(uint format) {
    return format == kQ8_0 ? 128.0 : format == kQ4_0 ? 8.0 : format == kQ5_0 ? 16.0
         : format == kQ6_K ? 32.0 : 0.0;
}
bool has_scales(uint format) { return format >= kQ4_K; }
bool has_minima(uint format) {
    return format == kQ4_1 || format == kQ5_1 || format == kQ4_K || format == kQ5_K;
}
uint block_fours(uint format) { return has_scales(format) ? 64 : 8; }
uint group_fours(uint format) { return format == kQ6_K ? 4 : 8; }

uint quant_word(uint i) {
    uvec2 pair = QUANT_PAIR(i >> 1);
    return (i & 1u) == 0u ? pair.x : pair.y;
}

vec4 bytes_of(uint w) { return vec4(uvec4(w, w >> 8, w >> 16, w >> 24) & 0xffu); }
vec4 signed_bytes_of(uint w) {
    return vec4(ivec4(int(w) << 24, int(w) << 16, int(w) << 8, int(w)) >> 24);
}

// Four bytes of fp8 of `mantissa` bits; never NaN.
vec4 unpack_f8(uint w, uint mantissa, uint bias) {
    uvec4 v = uvec4(w, w >> 8, w >> 16, w >> 24) & 0xffu, rest = v & 0x7fu;
    vec4 small = vec4(rest) * uintBitsToFloat((128u - bias - mantissa) << 23);
    vec4 normal = uintBitsToFloat((rest << (23u - mantissa)) + ((127u - bias) << 23));
    vec4 size = mix(normal, small, lessThan(rest, uvec4(1u << mantissa)));
    return mix(size, -size, greaterThan(v, uvec4(0x7f)));
}

// The codes of four columns at k4, a word each of which byte i is k = 4 k4 + i; `at` is the word
// where the planes of upper bits begin and is moved behind them.
uvec4 quant_codes(uint format, uint k4, uint column, uint depth, uint columns, inout uint at) {
    uint unit = k4 * columns + column;
    if (format == kQ8_0) return uvec4(QUANT_PAIR(2 * unit), QUANT_PAIR(2 * unit + 1));
    uvec2 pair = QUANT_PAIR(unit);
    uvec4 codes = uvec4(pair.x, pair.x >> 4, pair.y, pair.y >> 4) & 0x0f0f0f0fu;
    if (code_bits(format) == 5) {
        uint w = quant_word(at + (k4 >> 1) * columns + column) >> (4 * (k4 & 1));
        codes |= (uvec4(w, w >> 1, w >> 2, w >> 3) & 0x01010101u) << 4;
        at += (depth >> 1) * columns;
    }
    if (code_bits(format) == 6) {
        uint w = quant_word(at + unit);
        codes |= (uvec4(w, w >> 2, w >> 4, w >> 6) & 0x03030303u) << 4;
        at += depth * columns;
    }
    return codes;
}

// The pair where the plane of d begins.
uint scale_plane(uint format, uint depth, uint columns) {
    return (format == kQ8_0 ? 2 : 1) * depth * columns;
}

// Row q of the result holds the four columns of k = 4 k4 + q.
mat4 dequantise(uint format, uint k4, uint column, uint depth, uint columns) {
    mat4 m;
    if (format == kE4M3 || format == kE5M2) {
        for (uint q = 0; q < 4; q++) {
            uint w = quant_word((4 * k4 + q) * columns + column);
            m[q] = format == kE4M3 ? unpack_f8(w, 3, 7) : unpack_f8(w, 2, 15);
        }
        return m;
    }
    uint of_blocks = depth / block_fours(format) * columns;   // pairs of each plane of d and dmin
    uint pair = scale_plane(format, depth, columns);
    uint block = k4 / block_fours(format) * columns + column;
    vec4 scale = unpack_f16(QUANT_PAIR(pair + block)), minimum = vec4(0.0);
    if (has_minima(format)) minimum = unpack_f16(QUANT_PAIR(pair + of_blocks + block));
    uint at = 2 * (pair + of_blocks * (has_minima(format) ? 2 : 1));
    uvec4 codes = quant_codes(format, k4, column, depth, columns, at);
    if (has_scales(format)) {
        uint group = k4 / group_fours(format) * columns + column, w = quant_word(at + group);
        scale *= format == kQ6_K ? signed_bytes_of(w) : bytes_of(w);
        if (has_minima(format))
            minimum *= bytes_of(quant_word(at + depth / group_fours(format) * columns + group));
    }
    for (uint c = 0; c < 4; c++)
        m[c] = scale[c] * (bytes_of(codes[c]) - zero_code(format)) - minimum[c];
    return transpose(m);
}

#endif
