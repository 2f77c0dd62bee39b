#version 450
#extension GL_GOOGLE_include_directive : enable
// The slopes of a perceptron's loss by its weights, summed over each CHUNK of samples: an
// invocation has a neuron, and all of a workgroup go through the same samples.
// Source: nerf_network.comp, differentiated.
#include "lib/nerf.glsl"

layout(local_size_x = 32) in;
layout(constant_id = 0) const uint IN = 4u;        // four-vectors
layout(constant_id = 1) const uint OUT = 4u;       // four-vectors
layout(constant_id = 2) const uint HIDDEN = 32u;   // neurons, a multiple of 32
layout(constant_id = 3) const bool CARRIED = false;
layout(constant_id = 4) const uint CHUNK = 128u;

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Weights { vec4 weights[]; };
layout(set = 0, binding = 2) readonly buffer Inputs { vec4 inputs[]; };
layout(set = 0, binding = 3) readonly buffer Slopes { vec4 by_outputs[]; };
layout(set = 0, binding = 4) writeonly buffer Sums { vec4 sums[]; };   // [chunks, hidden, in + out]
layout(push_constant) uniform Args { uint first; } args;               // four-vectors

void main() {
    uint chunk = gl_WorkGroupID.x, j = gl_WorkGroupID.y * 32u + gl_LocalInvocationID.x;
    uint begin = chunk * CHUNK, end = min(begin + CHUNK, block.band.w);
    if (begin >= end) return;
    vec4 w[IN], v[OUT], by_w[IN], by_v[OUT];
    uint at = args.first + j * (IN + OUT);
    for (uint k = 0u; k < IN; k++) w[k] = weights[at + k], by_w[k] = vec4(0.0);
    for (uint k = 0u; k < OUT; k++) v[k] = weights[at + IN + k], by_v[k] = vec4(0.0);
    for (uint i = begin; i < end; i++) {
        vec4 x[IN], by_y[OUT];
        for (uint k = 0u; k < IN; k++) x[k] = inputs[i * IN + k];
        for (uint k = 0u; k < OUT; k++) by_y[k] = by_outputs[i * OUT + k];
        if (CARRIED) by_y[OUT - 1u].w = 0.0;
        float sum = 0.0, by_sum = 0.0;
        for (uint k = 0u; k < IN; k++) sum += dot(w[k], x[k]);
        for (uint k = 0u; k < OUT; k++) by_sum += dot(v[k], by_y[k]);
        by_sum = sum > 0.0 ? by_sum : 0.0;
        sum = max(sum, 0.0);
        for (uint k = 0u; k < IN; k++) by_w[k] += by_sum * x[k];
        for (uint k = 0u; k < OUT; k++) by_v[k] += sum * by_y[k];
    }
    uint to = (chunk * HIDDEN + j) * (IN + OUT);
    for (uint k = 0u; k < IN; k++) sums[to + k] = by_w[k];
    for (uint k = 0u; k < OUT; k++) sums[to + IN + k] = by_v[k];
}
