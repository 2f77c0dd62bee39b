// What the kernels of the radiance field share.
#ifndef KILN_NERF_GLSL
#define KILN_NERF_GLSL
#include "lib/spread.glsl"

// Written by the host, as FieldBlock in modalities/nerf/renderer.cpp. A band is the rays whose
// samples are in memory at a time.
struct FieldBlock {
    vec4 background;   // r, g, b; the distance between samples
    uvec4 band;        // first ray, rays, first sample, samples
    uvec4 size;        // rays in all
};

// A ray in the cube [0, 1]^3: origin and where its first sample is, in steps; unit direction and
// what a unit along it adds to the depth.
struct Ray {
    vec4 origin, direction;
};

const float kLeastTransmittance = 1e-4;
const float kMostLogDensity = 12.0;

// The light that a sample takes away is 1 - exp(-optical_depth).
float optical_depth(float log_density, float spacing) {
    return exp(min(log_density, kMostLogDensity)) * spacing;
}
vec3 colour_of(vec3 raw) { return 1.0 / (1.0 + exp(-clamp(raw, -60.0, 60.0))); }

// Whether it is a number below 1e18. By bits: compilers may take it for granted that nothing is
// infinite.
bool usable(float v) {
    return (floatBitsToUint(v) & 0x7fffffffu) < floatBitsToUint(1e18);
}

// A level of the grid: cells along a side, its first entry, entries, and 1 where each corner has
// an entry of its own.
uint entry_of(uvec4 level, uvec3 corner) {
    uint side = level.x + 1u;
    uint dense = corner.x + side * (corner.y + side * corner.z);
    uint hash = corner.x ^ (corner.y * 2654435761u) ^ (corner.z * 805459861u);
    return level.y + (level.w == 1u ? dense : hash & (level.z - 1u));
}

// The cell of a place at a level, and where in it the place is.
uvec3 cell_of(uvec4 level, vec3 place, out vec3 within) {
    vec3 at = clamp(place, 0.0, 1.0) * float(level.x);
    vec3 low = min(floor(at), float(level.x - 1u));
    within = at - low;
    return uvec3(low);
}

uvec3 corner_at(uint k) { return uvec3(k & 1u, (k >> 1) & 1u, k >> 2); }
float weight_of(uvec3 corner, vec3 within) {
    vec3 w = mix(1.0 - within, within, vec3(corner));
    return w.x * w.y * w.z;
}

#endif
