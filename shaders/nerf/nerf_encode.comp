#version 450
#extension GL_GOOGLE_include_directive : enable
// Features of samples from each level of the grid: two numbers, linear between the corners of a
// cell, which have entries of their own or share those of a table by a hash of where they are.
// Source: Mueller et al. Instant Neural Graphics Primitives. 2022, section 3.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;
layout(constant_id = 0) const uint LEVELS = 8u;

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Levels { uvec4 levels[]; };
layout(set = 0, binding = 2) readonly buffer Table { vec2 table[]; };
layout(set = 0, binding = 3) readonly buffer Samples { vec4 samples[]; };
layout(set = 0, binding = 4) writeonly buffer Features { vec2 features[]; };   // [samples, levels]

void main() {
    uint i = gl_WorkGroupID.x * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= block.band.w) return;
    uvec4 level = levels[gl_WorkGroupID.y];
    vec3 within;
    uvec3 cell = cell_of(level, samples[i].xyz, within);
    vec2 sum = vec2(0.0);
    for (uint k = 0u; k < 8u; k++) {
        uvec3 corner = corner_at(k);
        sum += weight_of(corner, within) * table[entry_of(level, cell + corner)];
    }
    features[i * LEVELS + gl_WorkGroupID.y] = sum;
}
