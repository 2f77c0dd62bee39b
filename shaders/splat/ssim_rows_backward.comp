#version 450
#extension GL_GOOGLE_include_directive : enable
// The slopes of SSIM summed along rows over the windows that see a pixel: the window is its own
// mirror image.
#include "lib/splat_loss.glsl"

layout(local_size_x = 128) in;

layout(set = 0, binding = 0) readonly buffer Slopes { vec4 slopes[]; };
layout(set = 0, binding = 1) writeonly buffer Sums { vec4 sums[]; };
layout(push_constant) uniform Args { uint width; uint pixels; } args;

void main() {
    uint at = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (at >= args.pixels) return;
    ivec2 reach = reach_of(at % args.width, args.width);
    vec3 s[3] = vec3[](vec3(0.0), vec3(0.0), vec3(0.0));
    for (int k = reach.x; k <= reach.y; k++)
        for (uint v = 0u; v < 3u; v++)
            s[v] += window_at(k) * slopes[3u * uint(int(at) + k) + v].rgb;
    for (uint v = 0u; v < 3u; v++) sums[3u * at + v] = vec4(s[v], 0.0);
}
