#version 450
#extension GL_GOOGLE_include_directive : enable
// Adds the sums of a level's entries to their gradient, and makes them 0 again.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;

layout(set = 0, binding = 0) readonly buffer Levels { uvec4 levels[]; };
layout(set = 0, binding = 1) readonly buffer Scales { vec2 scales[]; };
layout(set = 0, binding = 2) buffer Sums { ivec4 sums[]; };   // two entries
layout(set = 0, binding = 3) buffer Gradient { vec4 gradient[]; };

void main() {
    uint i = gl_WorkGroupID.x * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    uvec4 level = levels[gl_WorkGroupID.y];
    if (i >= level.z / 2u) return;
    uint at = level.y / 2u + i;
    ivec4 sum = sums[at];
    if (sum == ivec4(0)) return;
    gradient[at] += vec4(sum) * scales[gl_WorkGroupID.y].y;
    sums[at] = ivec4(0);
}
