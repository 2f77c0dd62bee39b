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

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Weights { vec4 weights[]; };
layout(set = 0, binding = 2) readonly buffer Inputs { vec4 inputs[]; };
layout(set = 0, binding = 3) readonly buffer Slopes { vec4 by_outputs[]; };
layout(set = 0, binding = 4) writeonly buffer Results { vec4 by_inputs[]; };
layout(push_constant) uniform Args { uint first; } args;   // four-vectors

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= block.band.w) return;
    vec4 x[IN], by_y[OUT], by_x[BACK];
    for (uint k = 0u; k < IN; k++) x[k] = inputs[i * IN + k];
    for (uint k = 0u; k < OUT; k++) by_y[k] = by_outputs[i * OUT + k];
    for (uint k = 0u; k < BACK; k++) by_x[k] = vec4(0.0);
    if (CARRIED) {
        by_x[0].x = by_y[OUT - 1u].w;
        by_y[OUT - 1u].w = 0.0;
    }
    for (uint j = 0u; j < HIDDEN; j++) {
        uint at = args.first + j * (IN + OUT);
        float sum = 0.0, by_sum = 0.0;
        for (uint k = 0u; k < IN; k++) sum += dot(weights[at + k], x[k]);
        for (uint k = 0u; k < OUT; k++) by_sum += dot(weights[at + IN + k], by_y[k]);
        by_sum = sum > 0.0 ? by_sum : 0.0;
        for (uint k = 0u; k < BACK; k++) by_x[k] += by_sum * weights[at + k];
    }
    for (uint k = 0u; k < BACK; k++) by_inputs[i * BACK + k] = by_x[k];
}
