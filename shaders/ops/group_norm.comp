#version 450
#extension GL_GOOGLE_include_directive : enable
// Last step of group norm: (x - mean) * scale + bias and the activation, by channel. One invocation
// a (image, chunk of rows, unit of channels), so that each reads its three factors once.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/special.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint ACTIVATION = 0;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) readonly buffer Scales { UNIT scales[]; };   // [image, unit, 3]
layout(set = 0, binding = 2) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args {
    uint count;          // invocations with work
    uint width;          // units a row
    uint rows;           // of one image
    uint chunk;
    uint chunks;         // of one image
    uint base;           // of X and Y
    uint image;          // the first one here
    float slope;
} args;

void main() {
    uint t = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (t >= args.count) return;
    uint at_row = t / args.width, column = t - at_row * args.width;
    uint image = at_row / args.chunks, begin = (at_row - image * args.chunks) * args.chunk;
    uint end = min(begin + args.chunk, args.rows);
    uint from = 3u * ((args.image + image) * args.width + column);
    UNIT mean = scales[from], scale = scales[from + 1u], bias = scales[from + 2u];
    uint at = args.base + (image * args.rows + begin) * args.width + column;
    for (uint row = begin; row < end; row++) {
        y[at] = store(activate(ACTIVATION, (load(x[at]) - mean) * scale + bias, args.slope));
        at += args.width;
    }
}
