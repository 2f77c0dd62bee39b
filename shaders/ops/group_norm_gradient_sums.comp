#version 450
#extension GL_GOOGLE_include_directive : enable
// First step of group norm's gradient: for every channel over `chunk` rows, the sums of d by the
// norm's result and of its products with what is normalized, less its mean. One invocation a
// (image, chunk of rows, unit of channels).
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/group_norm_gradient.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) readonly buffer D { STORED d[]; };
layout(set = 0, binding = 1) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 2) readonly buffer Factors { UNIT factors[]; };   // [image, unit, 3]
layout(set = 0, binding = 3) writeonly buffer Partials { UNIT partials[]; };   // by chunk, unit, 2
layout(push_constant) uniform Args {
    uint count;          // invocations with work
    uint width;          // units a row
    uint rows;           // of one image
    uint chunk;
    uint chunks;         // of one image
    uint base;           // of D and X
    uint image;          // the first one here
    uint first;          // chunk of the whole that the first one here is
} args;

void main() {
    uint t = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (t >= args.count) return;
    uint at_row = t / args.width, column = t - at_row * args.width;
    uint image = at_row / args.chunks, begin = (at_row - image * args.chunks) * args.chunk;
    uint end = min(begin + args.chunk, args.rows);
    uint from = 3u * ((args.image + image) * args.width + column);
    UNIT mean = factors[from], scale = factors[from + 1u], bias = factors[from + 2u];
    uint at = args.base + (image * args.rows + begin) * args.width + column;
    UNIT s = UNIT(0.0), q = UNIT(0.0);
    for (uint row = begin; row < end; row++) {
        UNIT v = load(x[at]) - mean, g = by_norm(load(d[at]), v * scale + bias);
        s += g;
        q += g * v;
        at += args.width;
    }
    uint to = 2u * ((args.first + at_row) * args.width + column);
    partials[to] = s;
    partials[to + 1u] = q;
}
