#version 450
#extension GL_GOOGLE_include_directive : enable
// Sum or maximum over the middle axis of x [outer, rows, width], cut into `splits` runs of `chunk`
// rows: y [outer, splits, width] in f32. One invocation a unit of results.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const bool MAXIMUM = false;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { UNIT y[]; };
layout(push_constant) uniform Args {
    uint count;
    uint rows;
    uint width;
    uint splits;
    uint chunk;
    float scale;
} args;

void main() {
    uint t = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (t >= args.count) return;
    uint rest = t / args.width, column = t - rest * args.width;
    uint outer = rest / args.splits, begin = (rest - outer * args.splits) * args.chunk;
    uint end = min(begin + args.chunk, args.rows);
    uint at = (outer * args.rows + begin) * args.width + column;
    UNIT v = load(x[at]);
    for (uint row = begin + 1u; row < end; row++) {
        at += args.width;
        UNIT next = load(x[at]);
        v = MAXIMUM ? max(v, next) : v + next;
    }
    y[t] = v * args.scale;
}
