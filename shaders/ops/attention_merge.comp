#version 450
// Attention whose keys were split into parts, as one: y = sum of 2^size y over parts / sum of
// 2^size, where the size of a part is the logarithm of what its powers sum to.
// Dao et al. Flash-Decoding for long-context inference. 2023.
#extension GL_GOOGLE_include_directive : require
#include "lib/format.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint FORMAT = 0;        // of y: kF32, kF16 or kBF16

layout(set = 0, binding = 0) readonly buffer X { vec4 x[]; };   // [part][head of a row][width]
layout(set = 0, binding = 1) readonly buffer Sizes { float sizes[]; };   // [part][head of a row]
layout(set = 0, binding = 2) writeonly buffer Y { uvec2 y[]; };

layout(push_constant) uniform Args {
    uint count, chunk;                                // of four-vectors of y
    uint width;                                       // of a head, in fours
    uint parts;
};

void main() {
    uint rows = count / width;
    for (uint i = first_unit(chunk); i < end_unit(chunk, count); i += gl_WorkGroupSize.x) {
        float high = sizes[i / width], total = 0.0;
        for (uint p = 1; p < parts; p++) high = max(high, sizes[p * rows + i / width]);
        vec4 sum = vec4(0.0);
        for (uint p = 0; p < parts; p++) {
            float weight = exp2(sizes[p * rows + i / width] - high);
            sum += weight * x[p * count + i];
            total += weight;
        }
        vec4 value = sum / total;
        if (FORMAT != kF32) {
            y[i] = FORMAT == kF16 ? pack_f16(value) : pack_bf16(value);
        } else {
            uvec4 bits = floatBitsToUint(value);
            y[2 * i] = bits.xy;
            y[2 * i + 1] = bits.zw;
        }
    }
}
