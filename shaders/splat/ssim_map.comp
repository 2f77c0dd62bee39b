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
layout(push_constant) uniform Args { uint width; uint pixels; uint invocations; } args;

struct Sums { vec3 v[5]; };

void put(Sums m, Line line, int along) {
    if (along >= line.size) return;
    uint at = 3u * pixel_at(line, along);
    vec3 xx = m.v[0] * m.v[0], yy = m.v[1] * m.v[1], xy = m.v[0] * m.v[1];
    vec3 a1 = 2.0 * xy + kC1, a2 = 2.0 * (m.v[4] - xy) + kC2;
    vec3 b1 = xx + yy + kC1, b2 = (m.v[2] - xx) + (m.v[3] - yy) + kC2;
    vec3 both = 1.0 / (b1 * b2), similar = a1 * a2 * both;
    vec3 by_mean = 2.0 * m.v[1] * (a2 - a1) * both -
                   2.0 * m.v[0] * similar * (1.0 / b1 - 1.0 / b2);
    slopes[at] = vec4(by_mean, dot(1.0 - similar, vec3(1.0)));
    slopes[at + 1u] = vec4(-similar / b2, 0.0);
    slopes[at + 2u] = vec4(2.0 * a1 * both, 0.0);
}

void main() {
    uint invocation = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (invocation >= args.invocations) return;
    Line line = column_of(invocation, args.width, args.pixels);
    Sums sums[kRun];
#define BEGIN(k) sums[k].v = vec3[](vec3(0.0), vec3(0.0), vec3(0.0), vec3(0.0), vec3(0.0));
    EACH_PIXEL(BEGIN)
    for (int t = -kReach; t < kReach + kRun; t++) {
        int along = line.first + t;
        uint from = 5u * pixel_at(line, along);
        float inside = within(line, along);
#define ADD(k) sums[k].v[v] += window_at(t - k) * mean;
        for (uint v = 0u; v < 5u; v++) {
            vec3 mean = inside * means[from + v].rgb;
            EACH_PIXEL(ADD)
        }
    }
#define PUT(k) put(sums[k], line, line.first + k);
    EACH_PIXEL(PUT)
}
