#version 450
#extension GL_GOOGLE_include_directive : enable
// Softmax over rows, the largest value subtracted first. One workgroup takes rows_each rows in
// turn.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
// variants: f32_subgroup: SUBGROUP; f32_scalar_subgroup: SUBGROUP SCALAR
// variants: f16_subgroup: SUBGROUP STORAGE_F16; bf16_subgroup: SUBGROUP STORAGE_BF16
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
#include "lib/group.glsl"
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args { uint rows; uint width; uint rows_each; uint base; } args;

void softmax(uint begin) {
    uint lane = gl_LocalInvocationID.x;
    UNIT top = UNIT(-3.4e38), s = UNIT(0.0);
    for (uint i = lane; i < args.width; i += gl_WorkGroupSize.x) top = max(top, load(x[begin + i]));
    float m = group_max(largest(top));
    for (uint i = lane; i < args.width; i += gl_WorkGroupSize.x) s += exp(load(x[begin + i]) - m);
    float inverse = 1.0 / group_sum(total(s));
    for (uint i = lane; i < args.width; i += gl_WorkGroupSize.x)
        y[begin + i] = store(exp(load(x[begin + i]) - m) * inverse);
}

void main() {
    uint first = workgroup() * args.rows_each, end = min(first + args.rows_each, args.rows);
    for (uint row = first; row < end; row++) softmax(args.base + row * args.width);
}
