#version 450
#extension GL_GOOGLE_include_directive : enable
// Second step of group norm's gradient: merges the sums of a group into what all of its values have
// in common, and what they have times their distance from the mean. One workgroup a (image, group).
// variants: shared: ; subgroup: SUBGROUP

layout(local_size_x_id = 0) in;
#include "lib/group.glsl"
layout(constant_id = 1) const uint UNIT_WIDTH = 4;
// partials [image, chunk, unit, 2, lane], factors [image, unit, 3, lane], terms [image, unit, 2,
// lane]; plain are factors without weights
layout(set = 0, binding = 0) readonly buffer Partials { float partials_[]; };
layout(set = 0, binding = 1) readonly buffer Factors { float factors[]; };
layout(set = 0, binding = 2) readonly buffer Plain { float plain[]; };
layout(set = 0, binding = 3) writeonly buffer Terms { float terms[]; };
layout(push_constant) uniform Args {
    uint groups;
    uint group_channels;
    uint rows;
    uint chunks;
} args;

uint lane_of(uint unit, uint channel, uint values, uint value) {
    return (unit * values + value) * UNIT_WIDTH + channel % UNIT_WIDTH;
}

void main() {
    uint image = gl_WorkGroupID.y, width = args.groups * args.group_channels / UNIT_WIDTH;
    uint channel0 = gl_WorkGroupID.x * args.group_channels;
    float s = 0.0, q = 0.0;
    for (uint i = gl_LocalInvocationID.x; i < args.chunks * args.group_channels;
         i += gl_WorkGroupSize.x) {
        uint p = i / args.group_channels, c = channel0 + i - p * args.group_channels;
        uint unit = c / UNIT_WIDTH, chunk = (image * args.chunks + p) * width + unit;
        float scale = factors[lane_of(image * width + unit, c, 3u, 1u)];
        s += scale * partials_[lane_of(chunk, c, 2u, 0u)];
        q += scale * partials_[lane_of(chunk, c, 2u, 1u)];
    }
    float inverse = 1.0 / (float(args.rows) * float(args.group_channels));
    float r = plain[lane_of(image * width + channel0 / UNIT_WIDTH, channel0, 3u, 1u)];
    float level = -group_sum(s) * inverse, slope = -group_sum(q) * inverse * r * r;
    for (uint i = gl_LocalInvocationID.x; i < args.group_channels; i += gl_WorkGroupSize.x) {
        uint c = channel0 + i, unit = image * width + c / UNIT_WIDTH;
        terms[lane_of(unit, c, 2u, 0u)] = level;
        terms[lane_of(unit, c, 2u, 1u)] = slope;
    }
}
