#version 450
#extension GL_GOOGLE_include_directive : enable
// The slopes of SSIM summed along rows over the windows that see a pixel: the window is its own
// mirror image.
#include "lib/splat_loss.glsl"

layout(local_size_x = 128) in;

layout(set = 0, binding = 0) readonly buffer Slopes { vec4 slopes[]; };
layout(set = 0, binding = 1) writeonly buffer Sums { vec4 sums[]; };
layout(push_constant) uniform Args { uint width; uint invocations; } args;

void main() {
    uint invocation = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (invocation >= args.invocations) return;
    Line line = row_of(invocation, args.width);
    for (uint v = 0u; v < 3u; v++) {
        vec3 s[kRun];
#define BEGIN(k) s[k] = vec3(0.0);
        EACH_PIXEL(BEGIN)
        for (int t = -kReach; t < kReach + kRun; t++) {
            int along = line.first + t;
            vec3 slope = within(line, along) * slopes[3u * pixel_at(line, along) + v].rgb;
#define ADD(k) s[k] += window_at(t - k) * slope;
            EACH_PIXEL(ADD)
        }
#define PUT(k) \
    if (line.first + k < line.size) \
        sums[3u * pixel_at(line, line.first + k) + v] = vec4(s[k], 0.0);
        EACH_PIXEL(PUT)
    }
}
