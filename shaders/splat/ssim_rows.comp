#version 450
#extension GL_GOOGLE_include_directive : enable
// Along rows, the windowed means of a picture x, its target y, x x, y y and x y, five vectors a
// pixel.
// Source: Wang, Bovik, Sheikh, Simoncelli. Image Quality Assessment: From Error Visibility to
// Structural Similarity. 2004, equations 14 to 16.
#include "lib/splat_loss.glsl"

layout(local_size_x = 128) in;

layout(set = 0, binding = 0) readonly buffer Block { LossBlock block; };
layout(set = 0, binding = 1) readonly buffer Image { vec4 image[]; };     // two a pixel
layout(set = 0, binding = 2) readonly buffer Target { vec4 target[]; };   // times alpha
layout(set = 0, binding = 3) writeonly buffer Means { vec4 means[]; };
layout(push_constant) uniform Args { uint width; uint pixels; } args;

vec3 over(vec4 wanted) { return wanted.rgb + (1.0 - wanted.a) * block.background.rgb; }

void main() {
    uint at = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (at >= args.pixels) return;
    ivec2 reach = reach_of(at % args.width, args.width);
    vec3 sums[5] = vec3[](vec3(0.0), vec3(0.0), vec3(0.0), vec3(0.0), vec3(0.0));
    for (int k = reach.x; k <= reach.y; k++) {
        uint i = uint(int(at) + k);
        float w = window_at(k);
        vec4 wanted = target[i];
        vec3 x = image[2u * i].rgb, y = over(wanted);
        sums[0] += w * x;
        sums[1] += w * y;
        sums[2] += w * x * x;
        sums[3] += w * y * y;
        sums[4] += w * x * y;
    }
    for (uint v = 0u; v < 5u; v++) means[5u * at + v] = vec4(sums[v], 0.0);
}
