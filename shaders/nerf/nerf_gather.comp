#version 450
#extension GL_GOOGLE_include_directive : enable
// Adds the sums of a level's entries to their gradient, and makes them 0 again.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;

layout(set = 0, binding = 0) readonly buffer Levels { uvec4 levels[]; };
layout(set = 0, binding = 1) readonly buffer Scales { vec2 scales[]; };
layout(set = 0, binding = 2) buffer Sums { ivec2 sums[]; };
layout(set = 0, binding = 3) buffer Gradient { vec2 gradient[]; };

void main() {
    uint i = gl_WorkGroupID.x * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    uvec4 level = levels[gl_WorkGroupID.y];
    if (i >= level.z) return;
    ivec2 sum = sums[level.y + i];
    if (sum == ivec2(0)) return;
    gradient[level.y + i] += vec2(sum) * scales[gl_WorkGroupID.y].y;
    sums[level.y + i] = ivec2(0);
}
