#version 450
#extension GL_GOOGLE_include_directive : enable
// Samples along rays at even distances, left out where the occupancy grid says that nothing is, and
// behind where nerf_reach.comp says that no light gets. Counts them, or writes a band of them with
// the harmonics of their direction; as points each ray is a sample itself. STRIDE above 1: only
// every so many-th sample, as far as the ray goes, for nerf_reach.comp to look at.
// Source: Mueller, Evans, Schied, Keller. Instant Neural Graphics Primitives with a Multiresolution
// Hash Encoding. 2022, appendix E.1.
#include "lib/nerf.glsl"
#include "lib/harmonics.glsl"

layout(local_size_x = 128) in;
layout(constant_id = 0) const uint MODE = 0u;        // 0: count, 1: write, 2: points
layout(constant_id = 1) const uint CELLS = 64u;      // of the occupancy grid, along a side
layout(constant_id = 2) const uint HARMONICS = 4u;   // four-vectors of them; may be 0
layout(constant_id = 3) const uint ROW = 8u;         // four-vectors of an input row, they are last
layout(constant_id = 4) const uint STRIDE = 1u;

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Rays { Ray rays[]; };
layout(set = 0, binding = 2) readonly buffer Occupied { uint occupied[]; };
layout(set = 0, binding = 3) buffer Counts { uint counts[]; };
layout(set = 0, binding = 4) writeonly buffer Samples { vec4 samples[]; };   // place, distance
layout(set = 0, binding = 5) writeonly buffer Inputs { vec4 inputs[]; };
layout(set = 0, binding = 6) readonly buffer Ends { float ends[]; };   // of rays
layout(push_constant) uniform Args { uint capacity; } args;   // rays

bool is_occupied(uvec3 cell) {
    uint at = cell.x + CELLS * (cell.y + CELLS * cell.z);
    return ((occupied[at / 32u] >> (at % 32u)) & 1u) != 0u;
}

void put(uint slot, vec4 sample_, vec3 direction) {
    samples[slot] = sample_;
    for (uint v = 0u; v < HARMONICS; v++) {
        vec4 four;
        for (uint k = 0u; k < 4u; k++) four[k] = harmonic(4u * v + k, direction);
        inputs[slot * ROW + ROW - HARMONICS + v] = four;
    }
}

// Walks along a ray: the first `most` samples, written from `slot` on if that is asked for.
uint walk(Ray ray, float last, uint most, uint slot) {
    float spacing = block.background.w * float(STRIDE), offset = ray.origin.w / float(STRIDE);
    vec3 o = ray.origin.xyz, d = ray.direction.xyz;
    vec3 safe = mix(d, vec3(1e-9), lessThan(abs(d), vec3(1e-9)));
    precise vec3 inverse_ = 1.0 / safe;
    precise vec3 a = -o * inverse_, b = (1.0 - o) * inverse_;
    vec3 near_ = min(a, b), far_ = max(a, b);
    precise float begin = max(max(near_.x, near_.y), max(near_.z, 0.0));
    precise float end = min(min(min(far_.x, far_.y), far_.z), last);
    precise float k = max(ceil(begin / spacing - offset), 0.0);
    uint found = 0u;
    // A direction of no length has no samples; the bound on steps is for numbers that are none.
    bool real_ = dot(d, d) > 0.5;
    for (uint step_ = 0u; real_ && found < most && step_ < 65536u; step_++) {
        precise float t = (k + offset) * spacing;
        if (!(t < end)) break;
        precise vec3 at = (o + t * d) * float(CELLS);
        vec3 cell = clamp(floor(at), 0.0, float(CELLS - 1u));
        if (is_occupied(uvec3(cell))) {
            if (MODE == 1u) put(slot + found, vec4(o + t * d, t), d);
            found++;
            k += 1.0;
        } else {
            precise vec3 leave = (cell + step(0.0, safe) - at) * inverse_;
            precise float out_ = t + max(min(leave.x, min(leave.y, leave.z)), 0.0) / float(CELLS);
            k = max(k + 1.0, ceil(out_ / spacing - offset));
        }
    }
    return found;
}

float end_of(uint ray) { return STRIDE > 1u ? 1e9 : ends[ray]; }

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (MODE == 0u) {
        if (i > args.capacity) return;
        uint count = 0u;
        if (i < block.size.x) count = walk(rays[i], end_of(i), 0xffffffffu, 0u);
        counts[i] = count;
    } else if (i < block.band.y) {
        Ray ray = rays[block.band.x + i];
        if (MODE == 2u) {
            put(i, vec4(ray.origin.xyz, 0.0), ray.direction.xyz);
        } else {
            // As many as were counted, should rounding see it otherwise this time.
            uint from = counts[block.band.x + i], count = counts[block.band.x + i + 1u] - from;
            uint slot = from - block.band.z;
            uint found = walk(ray, end_of(block.band.x + i), count, slot);
            for (; found < count; found++)
                put(slot + found, vec4(ray.origin.xyz, -1.0), ray.direction.xyz);
        }
    }
}
