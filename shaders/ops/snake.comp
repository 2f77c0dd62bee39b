#version 450
#extension GL_GOOGLE_include_directive : enable
// x + amplitude * sin(frequency * x)^2 for rows of channels, in units.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/special.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) readonly buffer Frequency { UNIT frequency[]; };
layout(set = 0, binding = 2) readonly buffer Amplitude { UNIT amplitude[]; };
layout(set = 0, binding = 3) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args {
    uint count;
    uint chunk;
    uint width;
    uint x_base;
    uint y_base;
} args;

void main() {
    uint end = end_unit(args.chunk, args.count), i = first_unit(args.chunk);
    uint channel = i % args.width, step_ = gl_WorkGroupSize.x % args.width;
    for (; i < end; i += gl_WorkGroupSize.x) {
        UNIT v = load(x[args.x_base + i]), s = sine(frequency[channel] * v, 0.0);
        y[args.y_base + i] = store(v + amplitude[channel] * s * s);
        channel += step_;
        if (channel >= args.width) channel -= args.width;
    }
}
