#version 450
#extension GL_GOOGLE_include_directive : enable
// Pixels from the samples along their rays.
// Source: Max. Optical Models for Direct Volume Rendering. 1995, equation 10; Mildenhall et al.
// NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis. 2020, equation 3.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Rays { Ray rays[]; };
layout(set = 0, binding = 2) readonly buffer Counts { uint counts[]; };
layout(set = 0, binding = 3) readonly buffer Samples { vec4 samples[]; };
layout(set = 0, binding = 4) readonly buffer Outputs { vec4 outputs[]; };   // rgb, log density
layout(set = 0, binding = 5) writeonly buffer Image { vec4 image[]; };

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= block.band.y) return;
    uint ray = block.band.x + i, end = counts[ray + 1u] - block.band.z;
    float by_distance = rays[ray].direction.w, light = 1.0;
    vec4 sum = vec4(0.0);
    for (uint s = counts[ray] - block.band.z; s < end && light >= kLeastTransmittance; s++) {
        float t = samples[s].w;
        if (t < 0.0) continue;
        vec4 y = outputs[s];
        precise float left = light * exp(-optical_depth(y.w, block.background.w));
        sum += (light - left) * vec4(colour_of(y.rgb), t * by_distance);
        light = left;
    }
    image[2u * ray] = vec4(sum.rgb + light * block.background.rgb, 1.0 - light);
    image[2u * ray + 1u] = vec4(sum.a, 0.0, 0.0, 0.0);
}
