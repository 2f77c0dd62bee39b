#version 450
#extension GL_GOOGLE_include_directive : enable
// Spectra of windowed frames of x, a workgroup a frame: y [frames, {real, imaginary}, POINTS + 1].
// A real transform by a complex one of half the length: Press et al. Numerical Recipes. 2007,
// section 12.3.2.
#include "lib/fft.glsl"
#include "lib/spread.glsl"

layout(constant_id = 4) const bool REFLECT = true;
layout(set = 0, binding = 0) readonly buffer X { float x[]; };
layout(set = 0, binding = 2) readonly buffer Taper { vec2 taper[]; };
layout(set = 0, binding = 3) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Args {
    uint count;
    uint frames;    // of a signal
    uint samples;
    uint hop;
    int begin;      // sample at which frame 0 begins
    uint x_base;
    uint y_base;
} args;

uint signal_at;
int frame_at;

float sample_at(int t) {
    int last = int(args.samples) - 1;
    int u = REFLECT ? last - abs(last - abs(t)) : clamp(t, 0, last);
    float v = x[signal_at + uint(u)];
    return REFLECT || t == u ? v : 0.0;
}

vec2 source(uint i) {
    int t = frame_at + 2 * int(i);
    return vec2(sample_at(t), sample_at(t + 1)) * taper[i];
}

void main() {
    uint frame = workgroup();
    if (frame >= args.count) return;
    uint signal = frame / args.frames;
    signal_at = args.x_base + signal * args.samples;
    frame_at = args.begin + int((frame - signal * args.frames) * args.hop);
    uint from = transform_source(), real = args.y_base + frame * 2 * (POINTS + 1);
    uint imaginary = real + POINTS + 1;
    for (uint k = gl_LocalInvocationID.x; k <= POINTS / 2; k += gl_WorkGroupSize.x) {
        uint m = POINTS - k;
        vec2 a = lines[from + k], b = lines[from + (k == 0 ? 0 : m)] * vec2(1.0, -1.0);
        vec2 even = 0.5 * (a + b), odd = product(0.5 * turned(a - b), roots[k]);
        y[real + m] = even.x - odd.x;
        y[imaginary + m] = odd.y - even.y;
        y[real + k] = even.x + odd.x;
        y[imaginary + k] = even.y + odd.y;
    }
}
