#version 450
// Rows of A as signed bytes with a scale for 32 of them, one invocation each: what matmul_dot.comp
// multiplies. Y holds the codes [rows][K / 4], a word for four k, then the scales [rows][K / 32].
#extension GL_GOOGLE_include_directive : require
#include "lib/spread.glsl"
#include "lib/format.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint FORMAT = 0;    // kF32, kF16 or kBF16
layout(set = 0, binding = 0) readonly buffer X { uvec2 x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { uint y[]; };
layout(push_constant) uniform Args { uint count, chunk; } args;   // of blocks

void main() {
    uint end = end_unit(args.chunk, args.count);
    for (uint block = first_unit(args.chunk); block < end; block += gl_WorkGroupSize.x) {
        vec4 values[8], largest = vec4(0.0);
        for (uint i = 0; i < 8; i++) {
            values[i] = LOAD_FORMAT(x, FORMAT, 8 * block + i);
            largest = max(largest, abs(values[i]));
        }
        float most = max(max(largest.x, largest.y), max(largest.z, largest.w));
        float inverse = most > 0.0 ? 127.0 / most : 0.0;
        for (uint i = 0; i < 8; i++) {
            uvec4 codes = uvec4(ivec4(roundEven(values[i] * inverse))) & 0xffu;
            y[8 * block + i] = codes.x | codes.y << 8 | codes.z << 16 | codes.w << 24;
        }
        y[8 * args.count + block] = floatBitsToUint(most / 127.0);
    }
}
