// The operands of attention in storage buffers, and how parts of the keys leave their results.
// Constants 1 to 5 are the same in each kernel. With WIDE, q, k and v are f16 and all their extents
// multiples of eight: they come eight at a time, as they lie in memory.
#ifndef KILN_ATTENTION_STORAGE_GLSL
#define KILN_ATTENTION_STORAGE_GLSL
#include "lib/attention.glsl"

layout(constant_id = 1) const uint FORMAT = 0;        // of q, k, v and y: kF32, kF16 or kBF16
layout(constant_id = 2) const uint BIAS = 0;          // 0: none, else 1 + format
layout(constant_id = 3) const uint CAUSAL = 0;
layout(constant_id = 4) const uint PARTS = 1;         // of the keys; y is f32 where there are more
layout(constant_id = 5) const uint WIDTH = 10;        // of a head, in fours

#ifdef WIDE
#define VECTOR uvec4
#else
#define VECTOR uvec2
#endif
layout(set = 0, binding = 0) readonly buffer Q { VECTOR q[]; };
layout(set = 0, binding = 1) readonly buffer K { VECTOR k[]; };
layout(set = 0, binding = 2) readonly buffer V { VECTOR v[]; };
layout(set = 0, binding = 3) readonly buffer Bias { uint bias[]; };
layout(set = 0, binding = 4) writeonly buffer Y { uvec2 y[]; };
layout(set = 0, binding = 5) writeonly buffer Sizes { float sizes[]; };

uint head_of() { return gl_WorkGroupID.y % heads; }
uint image_of() { return gl_WorkGroupID.y / heads; }

// Where a row of this head begins, in fours.
uint query_at(uint row) {
    return base_q + (image_of() * queries + row) * pitch_q + head_of() * WIDTH;
}
uint key_at(uint row) { return base_k + (image_of() * keys + row) * pitch_k + head_of() * WIDTH; }
uint value_at(uint row) { return base_v + (image_of() * keys + row) * pitch_v + head_of() * WIDTH; }

#ifdef WIDE
// Eight elements of a row at eight `at` of this head; zeros beyond the rows.
uvec4 load_query(uint row, uint at) {
    return row < queries && at < WIDTH / 2 ? q[query_at(row) / 2 + at] : uvec4(0);
}
uvec4 load_key(uint row, uint at) {
    return row < keys && at < WIDTH / 2 ? k[key_at(row) / 2 + at] : uvec4(0);
}
uvec4 load_value(uint row, uint at) {
    return row < keys && at < WIDTH / 2 ? v[value_at(row) / 2 + at] : uvec4(0);
}
#else
// Four elements of a row at four-vector `at` of this head; zeros beyond the rows.
vec4 load_query(uint row, uint at) {
    if (row >= queries || at >= WIDTH) return vec4(0.0);
    return scale * kLog2E * LOAD_FORMAT(q, FORMAT, query_at(row) + at);
}
vec4 load_key(uint row, uint at) {
    if (row >= keys || at >= WIDTH) return vec4(0.0);
    return LOAD_FORMAT(k, FORMAT, key_at(row) + at);
}
vec4 load_value(uint row, uint at) {
    if (row >= keys || at >= WIDTH) return vec4(0.0);
    return LOAD_FORMAT(v, FORMAT, value_at(row) + at);
}
#endif

// The keys [first, end) that this workgroup's rows, the last of which is `last`, see.
uint first_key() { return PARTS > 1 ? gl_WorkGroupID.z * part_keys : 0; }
uint end_key(uint last) {
    uint end = PARTS > 1 ? min(keys, (gl_WorkGroupID.z + 1) * part_keys) : keys;
    return CAUSAL != 0 ? min(end, last + 1) : end;
}

float masked(float score, uint row, uint key) {
    if (row >= queries || key >= keys || (CAUSAL != 0 && key > row)) return kHidden;
    if (BIAS == 0) return score;
    uint at = image_of() * bias_image + head_of() * bias_head + row * keys + key;
    return score + kLog2E * (BIAS == 2 ? half_of(bias[at / 2], at) : uintBitsToFloat(bias[at]));
}

// Four-vector `at` of a row, weighted by powers of two that sum to `total`.
void store(uint row, uint at, vec4 sum, float total) {
    if (row >= queries || at >= WIDTH) return;
    vec4 value = total > 0.0 ? sum / total : vec4(0.0);
    uint part = PARTS > 1 ? gl_WorkGroupID.z * images : 0;
    uint to = (((part + image_of()) * queries + row) * heads + head_of()) * WIDTH + at;
    if (FORMAT != kF32 && PARTS == 1) {
        y[to] = FORMAT == kF16 ? pack_f16(value) : pack_bf16(value);
    } else {
        uvec4 bits = floatBitsToUint(value);
        y[2 * to] = bits.xy;
        y[2 * to + 1] = bits.zw;
    }
}

// The logarithm of what the powers of a row sum to in this part, by which parts are merged.
void store_size(uint row, float high, float total) {
    if (PARTS == 1 || row >= queries) return;
    uint part = gl_WorkGroupID.z * images + image_of();
    sizes[(part * queries + row) * heads + head_of()] = total > 0.0 ? high + log2(total) : kHidden;
}

#endif
