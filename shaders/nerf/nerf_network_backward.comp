#version 450
#extension GL_GOOGLE_include_directive : enable
// The slopes of a perceptron's loss by its first inputs, given those by its outputs. What the
// neurons were is computed once more.
// Source: nerf_network.comp, differentiated.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;
layout(constant_id = 0) const uint IN = 4u;        // four-vectors
layout(constant_id = 1) const uint OUT = 4u;       // four-vectors
layout(constant_id = 2) const uint HIDDEN = 32u;   // neurons
layout(constant_id = 3) const bool CARRIED = false;
layout(constant_id = 4) const uint BACK = 4u;      // four-vectors of inputs
layout(constant_id = 5) const uint SAMPLES = 4u;   // of an invocation

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Weights { vec4 weights[]; };
layout(set = 0, binding = 2) readonly buffer Inputs { vec4 inputs[]; };
layout(set = 0, binding = 3) readonly buffer Slopes { vec4 by_outputs[]; };
layout(set = 0, binding = 4) writeonly buffer Results { vec4 by_inputs[]; };
layout(push_constant) uniform Args { uint first; } args;   // four-vectors

void main() {
    // SAMPLES of them share what is read of the weights.
    uint begin = workgroup() * gl_WorkGroupSize.x * SAMPLES + gl_LocalInvocationID.x;
    if (begin >= block.band.w) return;
    vec4 x[SAMPLES * IN], by_y[SAMPLES * OUT], by_x[SAMPLES * BACK];
    for (uint s = 0u; s < SAMPLES; s++) {
        uint i = min(begin + s * gl_WorkGroupSize.x, block.band.w - 1u);
        for (uint k = 0u; k < IN; k++) x[s * IN + k] = inputs[i * IN + k];
        for (uint k = 0u; k < OUT; k++) by_y[s * OUT + k] = by_outputs[i * OUT + k];
        for (uint k = 0u; k < BACK; k++) by_x[s * BACK + k] = vec4(0.0);
        if (CARRIED) {
            by_x[s * BACK].x = by_y[s * OUT + OUT - 1u].w;
            by_y[s * OUT + OUT - 1u].w = 0.0;
        }
    }
    for (uint j = 0u; j < HIDDEN; j++) {
        uint at = args.first + j * (IN + OUT);
        float sums[SAMPLES], by_sums[SAMPLES];
        for (uint s = 0u; s < SAMPLES; s++) sums[s] = by_sums[s] = 0.0;
        for (uint k = 0u; k < IN; k++) {
            vec4 weight = weights[at + k];
            for (uint s = 0u; s < SAMPLES; s++) sums[s] += dot(weight, x[s * IN + k]);
        }
        for (uint k = 0u; k < OUT; k++) {
            vec4 weight = weights[at + IN + k];
            for (uint s = 0u; s < SAMPLES; s++) by_sums[s] += dot(weight, by_y[s * OUT + k]);
        }
        for (uint s = 0u; s < SAMPLES; s++) by_sums[s] = sums[s] > 0.0 ? by_sums[s] : 0.0;
        for (uint k = 0u; k < BACK; k++) {
            vec4 weight = weights[at + k];
            for (uint s = 0u; s < SAMPLES; s++) by_x[s * BACK + k] += by_sums[s] * weight;
        }
    }
    for (uint s = 0u; s < SAMPLES; s++) {
        uint i = begin + s * gl_WorkGroupSize.x;
        if (i >= block.band.w) return;
        for (uint k = 0u; k < BACK; k++) by_inputs[i * BACK + k] = by_x[s * BACK + k];
    }
}
