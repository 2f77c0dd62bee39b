#version 450
#extension GL_GOOGLE_include_directive : enable
// Last step of group norm's gradient: each value from its own d, what its group has in common, and
// what is added. One invocation a (image, chunk of rows, unit of channels).
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/group_norm_gradient.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 2) const bool ADDS = false;
layout(set = 0, binding = 0) readonly buffer D { STORED d[]; };
layout(set = 0, binding = 1) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 2) readonly buffer Factors { UNIT factors[]; };   // [image, unit, 3]
layout(set = 0, binding = 3) readonly buffer Terms { UNIT terms[]; };       // [image, unit, 2]
layout(set = 0, binding = 4) readonly buffer Added { STORED added[]; };
layout(set = 0, binding = 5) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args {
    uint count;          // invocations with work
    uint width;          // units a row
    uint rows;           // of one image
    uint chunk;
    uint chunks;         // of one image
    uint base;           // of all that have the shape of Y
    uint image;          // the first one here
} args;

void main() {
    uint t = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (t >= args.count) return;
    uint at_row = t / args.width, column = t - at_row * args.width;
    uint image = at_row / args.chunks, begin = (at_row - image * args.chunks) * args.chunk;
    uint end = min(begin + args.chunk, args.rows);
    uint unit = (args.image + image) * args.width + column;
    UNIT mean = factors[3u * unit], scale = factors[3u * unit + 1u];
    UNIT bias = factors[3u * unit + 2u];
    UNIT level = terms[2u * unit], slope = terms[2u * unit + 1u];
    uint at = args.base + (image * args.rows + begin) * args.width + column;
    for (uint row = begin; row < end; row++) {
        UNIT v = load(x[at]) - mean, g = by_norm(load(d[at]), v * scale + bias);
        UNIT sum = scale * g + (level + v * slope);
        if (ADDS) sum += load(added[at]);
        y[at] = store(sum);
        at += args.width;
    }
}
