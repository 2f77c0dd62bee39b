#version 450
#extension GL_GOOGLE_include_directive : enable
// Finishes the windowed means along columns: SSIM of each channel of a pixel, and its slopes by the
// means of x, of x x and of x y, three vectors; the first carries the sum of 1 - SSIM as well.
// Source: Wang, Bovik, Sheikh, Simoncelli. Image Quality Assessment: From Error Visibility to
// Structural Similarity. 2004, equation 13.
#include "lib/splat_loss.glsl"

layout(local_size_x = 128) in;

layout(set = 0, binding = 0) readonly buffer Means { vec4 means[]; };
layout(set = 0, binding = 1) writeonly buffer Slopes { vec4 slopes[]; };
layout(push_constant) uniform Args { uint width; uint pixels; } args;

void main() {
    uint at = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x, w = args.width;
    if (at >= args.pixels) return;
    ivec2 reach = reach_of(at / w, args.pixels / w);
    vec3 m[5] = vec3[](vec3(0.0), vec3(0.0), vec3(0.0), vec3(0.0), vec3(0.0));
    for (int k = reach.x; k <= reach.y; k++) {
        uint from = 5u * uint(int(at) + k * int(w));
        for (uint v = 0u; v < 5u; v++) m[v] += window_at(k) * means[from + v].rgb;
    }
    vec3 xx = m[0] * m[0], yy = m[1] * m[1], xy = m[0] * m[1];
    vec3 a1 = 2.0 * xy + kC1, a2 = 2.0 * (m[4] - xy) + kC2;
    vec3 b1 = xx + yy + kC1, b2 = (m[2] - xx) + (m[3] - yy) + kC2;
    vec3 both = 1.0 / (b1 * b2), similar = a1 * a2 * both;
    vec3 by_mean = 2.0 * m[1] * (a2 - a1) * both - 2.0 * m[0] * similar * (1.0 / b1 - 1.0 / b2);
    slopes[3u * at] = vec4(by_mean, dot(1.0 - similar, vec3(1.0)));
    slopes[3u * at + 1u] = vec4(-similar / b2, 0.0);
    slopes[3u * at + 2u] = vec4(2.0 * a1 * both, 0.0);
}
