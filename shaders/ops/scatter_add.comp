#version 450
#extension GL_GOOGLE_include_directive : enable
// Sums rows of x [n, width] into y [rows, width] by index, in order and without atomics: each
// result looks for the rows that belong to it. An index out of range counts as 0.
// variants: f32: ; f32_scalar: SCALAR
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) readonly buffer X { UNIT x[]; };
layout(set = 0, binding = 1) readonly buffer Indices { int indices[]; };
layout(set = 0, binding = 2) writeonly buffer Y { UNIT y[]; };
layout(push_constant) uniform Args { uint count; uint n; uint width; uint rows; } args;

void main() {
    uint t = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (t >= args.count) return;
    uint row = t / args.width, column = t - row * args.width;
    UNIT s = UNIT(0.0);
    for (uint i = 0u; i < args.n; i++) {
        uint index = uint(indices[i]);
        if ((index < args.rows ? index : 0u) == row) s += x[i * args.width + column];
    }
    y[t] = s;
}
