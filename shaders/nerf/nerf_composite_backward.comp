#version 450
#extension GL_GOOGLE_include_directive : enable
// The slopes of a picture's loss by what its samples are, given those by its pixels. The ray is
// walked once more; what is behind a sample is what is left of the pixel.
// Source: nerf_composite.comp, differentiated.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Rays { Ray rays[]; };
layout(set = 0, binding = 2) readonly buffer Counts { uint counts[]; };
layout(set = 0, binding = 3) readonly buffer Samples { vec4 samples[]; };
layout(set = 0, binding = 4) readonly buffer Outputs { vec4 outputs[]; };   // rgb, log density
layout(set = 0, binding = 5) readonly buffer Image { vec4 image[]; };
layout(set = 0, binding = 6) readonly buffer Slopes { vec4 slopes[]; };
layout(set = 0, binding = 7) writeonly buffer Results { vec4 by_outputs[]; };

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= block.band.y) return;
    uint ray = block.band.x + i, end = counts[ray + 1u] - block.band.z;
    vec4 drawn = image[2u * ray], slope = slopes[2u * ray];
    float by_depth = slopes[2u * ray + 1u].x, by_distance = rays[ray].direction.w, light = 1.0;
    float behind = dot(drawn.rgb, slope.rgb) + image[2u * ray + 1u].x * by_depth -
                   (1.0 - drawn.a) * slope.a;
    for (uint s = counts[ray] - block.band.z; s < end; s++) {
        float t = samples[s].w;
        vec4 by_output = vec4(0.0);
        if (t >= 0.0 && light >= kLeastTransmittance) {
            vec4 y = outputs[s];
            vec3 colour = colour_of(y.rgb);
            float thick = optical_depth(y.w, block.background.w);
            precise float left = light * exp(-thick);
            float feature = dot(colour, slope.rgb) + t * by_distance * by_depth;
            float weight = light - left;
            behind -= weight * feature;
            by_output.rgb = weight * slope.rgb * colour * (1.0 - colour);
            by_output.w = y.w < kMostLogDensity ? thick * (left * feature - behind) : 0.0;
            light = left;
        }
        by_outputs[s] = by_output;
    }
}
