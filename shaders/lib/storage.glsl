// Storage types. Tensors are f32, f16 or bf16; arithmetic is f32 always. 16-bit types travel as
// packed pairs in uint words, so no 16-bit capability is needed. f16 saturates at +-65504 instead
// of overflowing; bf16 rounds to nearest even; NaN stays NaN. STORAGE_F16 or STORAGE_BF16 picks
// what load4 and store4 mean; the *_f16 and *_bf16 functions always exist.
#ifndef KILN_STORAGE_GLSL
#define KILN_STORAGE_GLSL

vec4 unpack_f16(uvec2 v) { return vec4(unpackHalf2x16(v.x), unpackHalf2x16(v.y)); }

vec4 saturate_f16(vec4 v) { return mix(clamp(v, vec4(-65504.0), vec4(65504.0)), v, isnan(v)); }

uvec2 pack_f16(vec4 v) {
    v = saturate_f16(v);
    return uvec2(packHalf2x16(v.xy), packHalf2x16(v.zw));
}

vec4 unpack_bf16(uvec2 v) {
    return uintBitsToFloat(uvec4(v.x << 16, v.x & 0xffff0000u, v.y << 16, v.y & 0xffff0000u));
}

uvec2 pack_bf16(vec4 v) {
    uvec4 bits = floatBitsToUint(v);
    uvec4 rounded = bits + 0x7fffu + (bits >> 16 & 1u);
    bits = mix(rounded, bits | 0x400000u, greaterThan(bits & 0x7fffffffu, uvec4(0x7f800000u)));
    return bits.xz >> 16 | (bits.yw & 0xffff0000u);
}

// One half of an array of words, by its index in halves.
float half_of(uint word, uint index) {
    vec2 pair = unpackHalf2x16(word);
    return (index & 1u) == 0u ? pair.x : pair.y;
}

#if defined(STORAGE_BF16)
#define STORAGE4 uvec2
vec4 load4(uvec2 v) { return unpack_bf16(v); }
uvec2 store4(vec4 v) { return pack_bf16(v); }
#elif defined(STORAGE_F16)
#define STORAGE4 uvec2      // four elements as a buffer holds them
vec4 load4(uvec2 v) { return unpack_f16(v); }
uvec2 store4(vec4 v) { return pack_f16(v); }
#else
#define STORAGE4 vec4
vec4 load4(vec4 v) { return v; }
vec4 store4(vec4 v) { return v; }
#endif

#endif
