#version 450
#extension GL_GOOGLE_include_directive : enable
// A perceptron with one hidden layer of rectified linear units: y = out relu(in x). Its weights lie
// neuron by neuron: what it reads, then what it adds to the outputs. CARRIED: the last output is
// the first input instead. Only the first KEPT four-vectors of the output are made.
// Source: Mueller et al. Instant Neural Graphics Primitives. 2022, section 5.4.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;
layout(constant_id = 0) const uint IN = 4u;        // four-vectors
layout(constant_id = 1) const uint OUT = 4u;       // four-vectors
layout(constant_id = 2) const uint HIDDEN = 32u;   // neurons
layout(constant_id = 3) const bool CARRIED = false;
layout(constant_id = 4) const uint KEPT = 4u;      // four-vectors
layout(constant_id = 5) const uint SAMPLES = 4u;   // of an invocation

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Weights { vec4 weights[]; };
layout(set = 0, binding = 2) readonly buffer Inputs { vec4 inputs[]; };
layout(set = 0, binding = 3) writeonly buffer Outputs { vec4 outputs[]; };
layout(push_constant) uniform Args { uint first; uint out_row; } args;   // four-vectors

void main() {
    // SAMPLES of them share what is read of the weights.
    uint begin = workgroup() * gl_WorkGroupSize.x * SAMPLES + gl_LocalInvocationID.x;
    if (begin >= block.band.w) return;
    vec4 x[SAMPLES * IN], y[SAMPLES * KEPT];
    for (uint s = 0u; s < SAMPLES; s++) {
        uint i = min(begin + s * gl_WorkGroupSize.x, block.band.w - 1u);
        for (uint k = 0u; k < IN; k++) x[s * IN + k] = inputs[i * IN + k];
    }
    for (uint k = 0u; k < SAMPLES * KEPT; k++) y[k] = vec4(0.0);
    for (uint j = 0u; j < HIDDEN; j++) {
        uint at = args.first + j * (IN + OUT);
        float sums[SAMPLES];
        for (uint s = 0u; s < SAMPLES; s++) sums[s] = 0.0;
        for (uint k = 0u; k < IN; k++) {
            vec4 weight = weights[at + k];
            for (uint s = 0u; s < SAMPLES; s++) sums[s] += dot(weight, x[s * IN + k]);
        }
        for (uint k = 0u; k < KEPT; k++) {
            vec4 weight = weights[at + IN + k];
            for (uint s = 0u; s < SAMPLES; s++) y[s * KEPT + k] += max(sums[s], 0.0) * weight;
        }
    }
    for (uint s = 0u; s < SAMPLES; s++) {
        uint i = begin + s * gl_WorkGroupSize.x;
        if (i >= block.band.w) return;
        if (CARRIED) y[s * KEPT + KEPT - 1u].w = x[s * IN].x;
        for (uint k = 0u; k < KEPT; k++) outputs[i * args.out_row + k] = y[s * KEPT + k];
    }
}
