#version 450
#extension GL_GOOGLE_include_directive : enable
// Adds the slopes by a sample's features to the entries that they were made from, as whole numbers:
// their sum has no order, so that two runs give the same bits, without atomics of floats.
// Source: Mueller et al. Instant Neural Graphics Primitives. 2022, section 3, differentiated.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;
layout(constant_id = 0) const uint LEVELS = 8u;

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Levels { uvec4 levels[]; };
layout(set = 0, binding = 2) readonly buffer Samples { vec4 samples[]; };
layout(set = 0, binding = 3) readonly buffer Slopes { vec2 slopes[]; };   // [samples, levels]
layout(set = 0, binding = 4) readonly buffer Scales { vec2 scales[]; };
layout(set = 0, binding = 5) buffer Sums { int sums[]; };                 // [entries, 2]

void main() {
    uint i = gl_WorkGroupID.x * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= block.band.w) return;
    vec2 slope = slopes[i * LEVELS + gl_WorkGroupID.y];
    slope = vec2(usable(slope.x) ? slope.x : 0.0, usable(slope.y) ? slope.y : 0.0);
    if (slope == vec2(0.0)) return;
    slope *= scales[gl_WorkGroupID.y].x;
    uvec4 level = levels[gl_WorkGroupID.y];
    vec3 within;
    uvec3 cell = cell_of(level, samples[i].xyz, within);
    for (uint k = 0u; k < 8u; k++) {
        uvec3 corner = corner_at(k);
        uint at = 2u * entry_of(level, cell + corner);
        ivec2 part = ivec2(roundEven(weight_of(corner, within) * slope));
        if (part.x != 0) atomicAdd(sums[at], part.x);
        if (part.y != 0) atomicAdd(sums[at + 1u], part.y);
    }
}
