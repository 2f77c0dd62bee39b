#version 450
#extension GL_GOOGLE_include_directive : enable
// For each level and each 1024 samples, the larger of two sums: of the absolute slopes by either
// feature. What is not a usable number counts as 0, as in nerf_scatter.comp.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;
#include "lib/group.glsl"
layout(constant_id = 0) const uint LEVELS = 8u;

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Slopes { vec2 slopes[]; };     // [samples, levels]
layout(set = 0, binding = 2) writeonly buffer Bounds { float bounds[]; };   // [chunks, levels]

void main() {
    uint begin = gl_WorkGroupID.x * 1024u, end = min(begin + 1024u, block.band.w);
    vec2 sum = vec2(0.0);
    for (uint i = begin + gl_LocalInvocationID.x; i < end; i += 128u) {
        vec2 slope = slopes[i * LEVELS + gl_WorkGroupID.y];
        sum += vec2(usable(slope.x) ? abs(slope.x) : 0.0, usable(slope.y) ? abs(slope.y) : 0.0);
    }
    float first = group_sum(sum.x), second = group_sum(sum.y);
    if (gl_LocalInvocationID.x == 0u)
        bounds[gl_WorkGroupID.x * LEVELS + gl_WorkGroupID.y] = max(first, second);
}
