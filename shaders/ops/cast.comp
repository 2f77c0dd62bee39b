#version 450
#extension GL_GOOGLE_include_directive : enable
// Conversions between storage types, four elements an invocation, in integer arithmetic so that the
// bits do not depend on the driver: to nearest even, f16 and fp8 saturating, NaN kept. FROM and TO:
// 0 f32, 1 f16, 2 bf16, 3 f8_e4m3, 4 f8_e5m2, 5 i32. Variants by bytes an element, in and out.
// variants: from4_to4: IN=4 OUT=4; from4_to2: IN=4 OUT=2; from4_to1: IN=4 OUT=1
// variants: from2_to4: IN=2 OUT=4; from2_to2: IN=2 OUT=2; from2_to1: IN=2 OUT=1
// variants: from1_to4: IN=1 OUT=4; from1_to2: IN=1 OUT=2; from1_to1: IN=1 OUT=1
#include "lib/spread.glsl"

#if IN == 4
#define IN_WORDS uvec4
#elif IN == 2
#define IN_WORDS uvec2
#else
#define IN_WORDS uint
#endif
#if OUT == 4
#define OUT_WORDS uvec4
#elif OUT == 2
#define OUT_WORDS uvec2
#else
#define OUT_WORDS uint
#endif

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint FROM = 0;
layout(constant_id = 2) const uint TO = 0;
layout(set = 0, binding = 0) readonly buffer X { IN_WORDS x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { OUT_WORDS y[]; };
layout(push_constant) uniform Args { uint count; uint chunk; } args;   // in fours

uvec4 split(uvec4 v) { return v; }
uvec4 split(uvec2 v) { return uvec4(v.x & 0xffffu, v.x >> 16, v.y & 0xffffu, v.y >> 16); }
uvec4 split(uint v) { return uvec4(v & 0xffu, v >> 8 & 0xffu, v >> 16 & 0xffu, v >> 24); }
#if OUT == 4
uvec4 join(uvec4 v) { return v; }
#elif OUT == 2
uvec2 join(uvec4 v) { return v.xz | v.yw << 16; }
#else
uint join(uvec4 v) { return v.x | v.y << 8 | v.z << 16 | v.w << 24; }
#endif

float power_of_two(uint biased) { return uintBitsToFloat(biased << 23); }

// The bits of an f32 as a small float of `mantissa` bits whose exponent has `bias`.
uint encode(uint bits, uint mantissa, uint bias, uint sign_bit, uint largest, uint nan) {
    uint sign = (bits >> 31) << sign_bit, a = bits & 0x7fffffffu, shift = 23u - mantissa;
    if (a > 0x7f800000u) return sign | nan;
    if (a < (128u - bias) << 23)   // subnormal: whole steps of 2^(1 - bias - mantissa)
        return sign | uint(roundEven(uintBitsToFloat(a) * power_of_two(126u + bias + mantissa)));
    uint rounded = a + (1u << (shift - 1u)) - 1u + (a >> shift & 1u) - ((127u - bias) << 23);
    return sign | min(rounded >> shift, largest);
}

uint decode(uint bits, uint mantissa, uint bias, uint sign_bit) {
    uint sign = bits >> sign_bit << 31, rest = bits & ((1u << sign_bit) - 1u);
    if (rest >> mantissa == 0u)
        return sign | floatBitsToUint(float(rest) * power_of_two(128u - bias - mantissa));
    return sign | ((rest << (23u - mantissa)) + ((127u - bias) << 23));
}

uint to_f32(uint v) {
    switch (FROM) {
        case 1u: return (v & 0x7c00u) == 0x7c00u ? v >> 15 << 31 | 0x7f800000u | (v & 0x3ffu) << 13
                                                 : decode(v, 10u, 15u, 15u);
        case 2u: return v << 16;
        case 3u: return (v & 0x7fu) == 0x7fu ? 0x7fc00000u : decode(v, 3u, 7u, 7u);
        case 4u:
            if ((v & 0x7cu) != 0x7cu) return decode(v, 2u, 15u, 7u);
            return v >> 7 << 31 | ((v & 3u) == 0u ? 0x7f800000u : 0x7fc00000u);
        case 5u: return floatBitsToUint(float(int(v)));
        default: return v;
    }
}

uint from_f32(uint v) {
    switch (TO) {
        case 1u: return encode(v, 10u, 15u, 15u, 0x7bffu, 0x7e00u);
        case 2u:
            if ((v & 0x7fffffffu) > 0x7f800000u) return v >> 16 | 0x40u;
            return (v + 0x7fffu + (v >> 16 & 1u)) >> 16;
        case 3u: return encode(v, 3u, 7u, 7u, 0x7eu, 0x7fu);
        case 4u: return encode(v, 2u, 15u, 7u, 0x7bu, 0x7fu);
        default: return v;
    }
}

void main() {
    uint end = end_unit(args.chunk, args.count);
    for (uint i = first_unit(args.chunk); i < end; i += gl_WorkGroupSize.x) {
        uvec4 v = split(x[i]);
        for (int k = 0; k < 4; k++) v[k] = from_f32(to_f32(v[k]));
        y[i] = join(v);
    }
}
