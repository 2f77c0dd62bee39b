#version 450
// A quantised matrix as a plain one [K, columns] in f32 or f16: four k of four columns an
// invocation.
#extension GL_GOOGLE_include_directive : require
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint FORMAT = 8;
layout(constant_id = 2) const uint HALF = 0;
layout(set = 0, binding = 0) readonly buffer X { uvec2 x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { uvec2 y[]; };
layout(push_constant) uniform Args {
    uint depth, columns;   // in fours
    uint chunk;            // of units
    float scale;           // of the whole matrix
} args;

#define QUANT_PAIR(i) x[i]
#include "lib/quant.glsl"

void main() {
    uint end = end_unit(args.chunk, args.depth * args.columns);
    for (uint i = first_unit(args.chunk); i < end; i += gl_WorkGroupSize.x) {
        uint k4 = i / args.columns, column = i - k4 * args.columns;
        mat4 m = args.scale * dequantise(FORMAT, k4, column, args.depth, args.columns);
        for (uint q = 0; q < 4; q++) {
            uint at = (4 * k4 + q) * args.columns + column;
            if (HALF != 0) {
                y[at] = pack_f16(m[q]);
            } else {
                uvec4 bits = floatBitsToUint(m[q]);
                y[2 * at] = bits.xy;
                y[2 * at + 1] = bits.zw;
            }
        }
    }
}
