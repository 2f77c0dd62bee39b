#version 450
#extension GL_GOOGLE_include_directive : enable
// Second step of group norm: merges the partial statistics of a group and writes, for each of its
// channels, the mean, weight / deviation and bias. One workgroup a (image, group). The channels are
// those of one tensor or of two side by side, each with its own chunks of rows.
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
layout(set = 0, binding = 4) readonly buffer Others { float others[]; };   // of the second tensor
layout(push_constant) uniform Args {
    uint groups;
    uint group_channels;
    uint rows;
    float eps;
    uint channels[2];    // of each tensor
    uint chunks[2];
    uint chunk[2];
} args;

uint lane_of(uint unit, uint channel, uint values, uint value) {
    return (unit * values + value) * UNIT_WIDTH + channel % UNIT_WIDTH;
}

// The mean (0) or the squared deviations (1) of a tensor's channel in chunk p of this image.
float partial(uint tensor, uint p, uint channel, uint value) {
    uint width = args.channels[tensor] / UNIT_WIDTH;
    uint unit = (gl_WorkGroupID.y * args.chunks[tensor] + p) * width + channel / UNIT_WIDTH;
    uint at = lane_of(unit, channel, 2u, value);
    return tensor == 0u ? partials_[at] : others[at];
}

// Of the group's share of a tensor, summed by one invocation: means less `shift`, times the rows
// they are of, or squared deviations from `shift`.
float share(uint tensor, float shift, bool squares) {
    uint begin = gl_WorkGroupID.x * args.group_channels, end = begin + args.group_channels;
    uint before = tensor == 0u ? 0u : args.channels[0];
    begin = max(begin, before) - before;
    end = min(max(end, before) - before, args.channels[tensor]);
    if (begin >= end) return 0.0;
    uint pairs = args.chunks[tensor] * (end - begin), whole = args.chunk[tensor];
    float sum = 0.0;
    for (uint i = gl_LocalInvocationID.x; i < pairs; i += gl_WorkGroupSize.x) {
        uint p = i / (end - begin), channel = begin + i - p * (end - begin);
        float n = float(min(args.rows - p * whole, whole));
        float d = partial(tensor, p, channel, 0u) - shift;
        sum += squares ? partial(tensor, p, channel, 1u) + n * d * d : n * d;
    }
    return sum;
}

void main() {
    uint image = gl_WorkGroupID.y, width = args.groups * args.group_channels / UNIT_WIDTH;
    uint channel0 = gl_WorkGroupID.x * args.group_channels;
    bool first = channel0 < args.channels[0];
    float shift = partial(first ? 0u : 1u, 0u, first ? channel0 : channel0 - args.channels[0], 0u);
    float inverse = 1.0 / (float(args.rows) * float(args.group_channels));

    float mean = shift + group_sum(share(0u, shift, false) + share(1u, shift, false)) * inverse;
    float q = group_sum(share(0u, mean, true) + share(1u, mean, true));
    float scale = 1.0 / sqrt(q * inverse + args.eps);
    for (uint i = gl_LocalInvocationID.x; i < args.group_channels; i += gl_WorkGroupSize.x) {
        uint c = channel0 + i, unit = image * width + c / UNIT_WIDTH;
        scales[lane_of(unit, c, 3u, 0u)] = mean;
        scales[lane_of(unit, c, 3u, 1u)] = AFFINE ? scale * weight[c] : scale;
        scales[lane_of(unit, c, 3u, 2u)] = AFFINE ? bias[c] : 0.0;
    }
}
