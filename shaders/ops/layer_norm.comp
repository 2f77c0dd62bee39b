#version 450
#extension GL_GOOGLE_include_directive : enable
// Layer norm over rows or, without CENTERED, RMS norm. One workgroup takes rows_each rows in turn.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
// variants: f32_subgroup: SUBGROUP; f32_scalar_subgroup: SUBGROUP SCALAR
// variants: f16_subgroup: SUBGROUP STORAGE_F16; bf16_subgroup: SUBGROUP STORAGE_BF16
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
#include "lib/group.glsl"
layout(constant_id = 1) const bool CENTERED = true;
layout(constant_id = 2) const bool WEIGHTED = true;
layout(constant_id = 3) const bool BIASED = true;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) readonly buffer Weight { UNIT weight[]; };
layout(set = 0, binding = 2) readonly buffer Bias { UNIT bias[]; };
layout(set = 0, binding = 3) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args {
    uint rows;
    uint width;
    uint rows_each;
    uint base;
    float inverse;
    float eps;
} args;

void normalize(uint begin) {
    uint lane = gl_LocalInvocationID.x;
    UNIT s = UNIT(0.0), q = UNIT(0.0);
    float mean = 0.0;
    if (CENTERED) {
        for (uint i = lane; i < args.width; i += gl_WorkGroupSize.x) s += load(x[begin + i]);
        mean = group_sum(total(s)) * args.inverse;
    }
    for (uint i = lane; i < args.width; i += gl_WorkGroupSize.x) {
        UNIT d = load(x[begin + i]) - mean;
        q += d * d;
    }
    float scale = 1.0 / sqrt(group_sum(total(q)) * args.inverse + args.eps);
    for (uint i = lane; i < args.width; i += gl_WorkGroupSize.x) {
        UNIT v = (load(x[begin + i]) - mean) * scale;
        if (WEIGHTED) v *= weight[i];
        if (BIASED) v += bias[i];
        y[begin + i] = store(v);
    }
}

void main() {
    uint first = workgroup() * args.rows_each, end = min(first + args.rows_each, args.rows);
    for (uint row = first; row < end; row++) normalize(args.base + row * args.width);
}
