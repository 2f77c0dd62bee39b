#version 450
#extension GL_GOOGLE_include_directive : enable
// x [rows, 2 * width] -> x[:, :width] * gelu(x[:, width:]), in units.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/special.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args {
    uint count;
    uint chunk;
    uint width;
    uint x_base;
    uint y_base;
} args;

void main() {
    uint end = end_unit(args.chunk, args.count), i = first_unit(args.chunk);
    uint row = i / args.width, column = i - row * args.width;
    for (; i < end; i += gl_WorkGroupSize.x) {
        uint at = args.x_base + 2u * row * args.width + column;
        y[args.y_base + i] = store(load(x[at]) * gelu_of(load(x[at + args.width])));
        for (column += gl_WorkGroupSize.x; column >= args.width; column -= args.width) row++;
    }
}
