#version 450
#extension GL_GOOGLE_include_directive : enable
// Sines and cosines of t times a table of frequencies: y [n, width]; an odd last column is zero.
#define SCALAR
#include "lib/special.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const bool COSINES_FIRST = true;
layout(set = 0, binding = 0) readonly buffer T { float t[]; };
layout(set = 0, binding = 1) readonly buffer Frequencies { float frequencies[]; };
layout(set = 0, binding = 2) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Args {
    uint count;
    uint width;
    uint frequencies_count;
    float scale;
} args;

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= args.count) return;
    uint row = i / args.width, column = i - row * args.width, f = column % args.frequencies_count;
    bool cosine = (column < args.frequencies_count) == COSINES_FIRST;
    float v = sine(args.scale * t[row] * frequencies[f], cosine ? 1.0 : 0.0);
    y[i] = column < 2u * args.frequencies_count ? v : 0.0;
}
