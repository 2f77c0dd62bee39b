#version 450
#extension GL_GOOGLE_include_directive : enable
// How far along its ray light gets, by some of its samples: until what these take away
// alone leaves less than what the ray ends after, so that nothing which counts is left out.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Counts { uint counts[]; };
layout(set = 0, binding = 2) readonly buffer Samples { vec4 samples[]; };   // place, distance
layout(set = 0, binding = 3) readonly buffer Outputs { vec4 outputs[]; };   // log density first
layout(set = 0, binding = 4) writeonly buffer Ends { float ends[]; };       // distances

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= block.band.y) return;
    uint ray = block.band.x + i, end = counts[ray + 1u] - block.band.z;
    float depth = 0.0, last = 1e9;
    for (uint s = counts[ray] - block.band.z; s < end && last == 1e9; s++) {
        float t = samples[s].w;
        if (t < 0.0) continue;
        depth += optical_depth(outputs[s].x, block.background.w);
        // Half a sample more: that one counts, too, if rounding sees it otherwise.
        if (depth > -log(kLeastTransmittance)) last = t + 0.5 * block.background.w;
    }
    ends[ray] = last;
}
