#version 450
#extension GL_GOOGLE_include_directive : enable
// A perceptron with one hidden layer of rectified linear units: y = out relu(in x). Its weights lie
// neuron by neuron: what it reads, then what it adds to the outputs. CARRIED: the last output is
// the first input instead.
// Source: Mueller et al. Instant Neural Graphics Primitives. 2022, section 5.4.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;
layout(constant_id = 0) const uint IN = 4u;        // four-vectors
layout(constant_id = 1) const uint OUT = 4u;       // four-vectors
layout(constant_id = 2) const uint HIDDEN = 32u;   // neurons
layout(constant_id = 3) const bool CARRIED = false;

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Weights { vec4 weights[]; };
layout(set = 0, binding = 2) readonly buffer Inputs { vec4 inputs[]; };
layout(set = 0, binding = 3) writeonly buffer Outputs { vec4 outputs[]; };
layout(push_constant) uniform Args { uint first; uint out_row; } args;   // four-vectors

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= block.band.w) return;
    vec4 x[IN], y[OUT];
    for (uint k = 0u; k < IN; k++) x[k] = inputs[i * IN + k];
    for (uint k = 0u; k < OUT; k++) y[k] = vec4(0.0);
    for (uint j = 0u; j < HIDDEN; j++) {
        uint at = args.first + j * (IN + OUT);
        float sum = 0.0;
        for (uint k = 0u; k < IN; k++) sum += dot(weights[at + k], x[k]);
        sum = max(sum, 0.0);
        for (uint k = 0u; k < OUT; k++) y[k] += sum * weights[at + IN + k];
    }
    if (CARRIED) y[OUT - 1u].w = x[0].x;
    for (uint k = 0u; k < OUT; k++) outputs[i * args.out_row + k] = y[k];
}
