#version 450
#extension GL_GOOGLE_include_directive : enable
// Windowed frames y [frames, 2 POINTS] of spectra x [frames, {real, imaginary}, POINTS + 1], a
// workgroup a frame. A real transform by a complex one of half the length, run forwards over the
// conjugate: Press et al. Numerical Recipes. 2007, section 12.3.2.
#include "lib/fft.glsl"
#include "lib/spread.glsl"

layout(set = 0, binding = 0) readonly buffer X { float x[]; };
layout(set = 0, binding = 2) readonly buffer Taper { vec2 taper[]; };
layout(set = 0, binding = 3) writeonly buffer Y { vec2 y[]; };
layout(push_constant) uniform Args { uint count; uint x_base; uint y_base; } args;

uint frame_at;

vec2 source(uint k) {
    uint real = frame_at, imaginary = frame_at + POINTS + 1, m = POINTS - k;
    vec2 a = vec2(x[real + k], x[imaginary + k]), b = vec2(x[real + m], -x[imaginary + m]);
    if (k == 0) a.y = b.y = 0.0;   // that of a real signal has no imaginary part there
    vec2 even = a + b, odd = product(a - b, roots[k] * vec2(1.0, -1.0));
    return vec2(even.x - odd.y, -even.y - odd.x);
}

void main() {
    uint frame = workgroup();
    if (frame >= args.count) return;
    frame_at = args.x_base + frame * 2 * (POINTS + 1);
    uint from = transform_source(), to = args.y_base + frame * POINTS;
    for (uint i = gl_LocalInvocationID.x; i < POINTS; i += gl_WorkGroupSize.x)
        y[to + i] = lines[from + i] * vec2(1.0, -1.0) * taper[i] / float(2 * POINTS);
}
