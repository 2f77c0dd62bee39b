#version 450
#extension GL_GOOGLE_include_directive : enable
// Second step of group norm: merges the partial statistics of a group and writes, for each of its
// channels, the mean, weight / deviation and bias. One workgroup a (image, group).
// variants: shared: ; subgroup: SUBGROUP

layout(local_size_x_id = 0) in;
#include "lib/group.glsl"
layout(constant_id = 1) const bool AFFINE = true;
layout(constant_id = 2) const uint UNIT_WIDTH = 4;
// partials [image, chunk, unit, 2, lane], scales [image, unit, 3, lane]
layout(set = 0, binding = 0) readonly buffer Partials { float partials_[]; };
layout(set = 0, binding = 1) readonly buffer Weight { float weight[]; };
layout(set = 0, binding = 2) readonly buffer Bias { float bias[]; };
layout(set = 0, binding = 3) writeonly buffer Scales { float scales[]; };
layout(push_constant) uniform Args {
    uint groups;
    uint group_channels;
    uint chunks;
    uint chunk;
    uint rows;
    float eps;
} args;

uint lane_of(uint unit, uint channel, uint values, uint value) {
    return (unit * values + value) * UNIT_WIDTH + channel % UNIT_WIDTH;
}

void main() {
    uint image = gl_WorkGroupID.y, width = args.groups * args.group_channels / UNIT_WIDTH;
    uint channel0 = gl_WorkGroupID.x * args.group_channels;
    uint pairs = args.chunks * args.group_channels;
    uint rest = args.rows - (args.chunks - 1u) * args.chunk;
    uint first = image * args.chunks * width;
    float shift = partials_[lane_of(first + channel0 / UNIT_WIDTH, channel0, 2u, 0u)];
    float inverse = 1.0 / (float(args.rows) * float(args.group_channels));

    float s = 0.0;
    for (uint i = gl_LocalInvocationID.x; i < pairs; i += gl_WorkGroupSize.x) {
        uint p = i / args.group_channels, c = channel0 + i - p * args.group_channels;
        float n = float(p + 1u < args.chunks ? args.chunk : rest);
        s += n * (partials_[lane_of(first + p * width + c / UNIT_WIDTH, c, 2u, 0u)] - shift);
    }
    float mean = group_sum(s) * inverse, q = 0.0;
    for (uint i = gl_LocalInvocationID.x; i < pairs; i += gl_WorkGroupSize.x) {
        uint p = i / args.group_channels, c = channel0 + i - p * args.group_channels;
        float n = float(p + 1u < args.chunks ? args.chunk : rest);
        uint unit = first + p * width + c / UNIT_WIDTH;
        float d = partials_[lane_of(unit, c, 2u, 0u)] - shift - mean;
        q += partials_[lane_of(unit, c, 2u, 1u)] + n * d * d;
    }
    float scale = 1.0 / sqrt(group_sum(q) * inverse + args.eps);
    for (uint i = gl_LocalInvocationID.x; i < args.group_channels; i += gl_WorkGroupSize.x) {
        uint c = channel0 + i, unit = image * width + c / UNIT_WIDTH;
        scales[lane_of(unit, c, 3u, 0u)] = shift + mean;
        scales[lane_of(unit, c, 3u, 1u)] = AFFINE ? scale * weight[c] : scale;
        scales[lane_of(unit, c, 3u, 2u)] = AFFINE ? bias[c] : 0.0;
    }
}
