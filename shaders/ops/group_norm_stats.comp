#version 450
#extension GL_GOOGLE_include_directive : enable
// First step of group norm: mean and sum of squared deviations of every channel over `chunk` rows,
// shifted by the first of them so that a large mean does not cancel. One invocation a (image,
// chunk, unit of channels).
// Chan, Golub, LeVeque. Updating Formulae and a Pairwise Algorithm for Computing Sample Variances.
// 1979.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) writeonly buffer Partials { UNIT partials[]; };   // by chunk, unit, 2
layout(push_constant) uniform Args {
    uint count;          // invocations with work
    uint width;          // units a row
    uint rows;           // of one image
    uint chunk;
    uint chunks;         // of one image
    uint x_base;
    uint first;          // chunk of the whole that the first one here is
} args;

void main() {
    uint t = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (t >= args.count) return;
    uint at_row = t / args.width, column = t - at_row * args.width;
    uint image = at_row / args.chunks, begin = (at_row - image * args.chunks) * args.chunk;
    uint end = min(begin + args.chunk, args.rows);
    uint at = args.x_base + (image * args.rows + begin) * args.width + column;
    UNIT shift = load(x[at]), s = UNIT(0.0), q = UNIT(0.0);
    for (uint row = begin + 1u; row < end; row++) {
        at += args.width;
        UNIT d = load(x[at]) - shift;
        s += d;
        q += d * d;
    }
    UNIT mean = s / float(end - begin);
    uint to = 2u * ((args.first + at_row) * args.width + column);
    partials[to] = shift + mean;
    partials[to + 1u] = max(q - s * mean, 0.0);
}
