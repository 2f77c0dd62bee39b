#version 450
#extension GL_GOOGLE_include_directive : enable
// Each sample of y [signals, samples] from the windowed frames of x [signals, frames, size] that
// cover it, over the sum of the squares of their windows there.
// Griffin and Lim. Signal Estimation from Modified Short-Time Fourier Transform. 1984, equation 6.
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) readonly buffer X { float x[]; };
layout(set = 0, binding = 1) readonly buffer Taper { float taper[]; };
layout(set = 0, binding = 2) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Args {
    uint count;
    uint chunk;
    uint samples;   // of a signal
    uint frames;
    uint size;
    uint hop;
    uint skipped;   // samples before the first
    uint x_base;
    uint y_base;
} args;

void main() {
    uint end = end_unit(args.chunk, args.count);
    for (uint i = first_unit(args.chunk); i < end; i += gl_WorkGroupSize.x) {
        uint signal = i / args.samples, t = i - signal * args.samples + args.skipped;
        uint first = t < args.size ? 0 : (t - args.size) / args.hop + 1;
        uint last = min(t / args.hop + 1, args.frames);
        uint at = args.x_base + signal * args.frames * args.size;
        float sum = 0.0, weight = 0.0;
        for (uint frame = first; frame < last; frame++) {
            uint tap = t - frame * args.hop;
            sum += x[at + frame * args.size + tap];
            weight += taper[tap] * taper[tap];
        }
        y[args.y_base + i] = weight > 1e-11 ? sum / weight : sum;
    }
}
