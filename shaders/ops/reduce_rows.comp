#version 450
#extension GL_GOOGLE_include_directive : enable
// Sum or maximum over the last axis of x [rows, width], cut into `splits` runs of `chunk` units:
// y [rows, splits] in f32. One workgroup a result.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
// variants: f32_subgroup: SUBGROUP; f32_scalar_subgroup: SUBGROUP SCALAR
// variants: f16_subgroup: SUBGROUP STORAGE_F16; bf16_subgroup: SUBGROUP STORAGE_BF16
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
#include "lib/group.glsl"
layout(constant_id = 1) const bool MAXIMUM = false;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Args {
    uint count;
    uint width;
    uint splits;
    uint chunk;
    float scale;
} args;

void main() {
    uint to = workgroup();
    if (to >= args.count) return;
    uint row = to / args.splits, begin = (to - row * args.splits) * args.chunk;
    uint end = min(begin + args.chunk, args.width);
    UNIT v = MAXIMUM ? UNIT(-3.4e38) : UNIT(0.0);
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += gl_WorkGroupSize.x) {
        UNIT next = load(x[row * args.width + i]);
        v = MAXIMUM ? max(v, next) : v + next;
    }
    float result = MAXIMUM ? group_max(largest(v)) : group_sum(total(v));
    if (gl_LocalInvocationID.x == 0u) y[to] = result * args.scale;
}
