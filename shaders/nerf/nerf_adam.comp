#version 450
#extension GL_GOOGLE_include_directive : enable
// A step of Adam, after which the gradient is 0. An entry of the grid without a gradient, and what
// has one that is not a usable number, stays as it is, its moments too.
// Source: Kingma, Ba. Adam: A Method for Stochastic Optimization. 2015, algorithm 1; Mueller et al.
// Instant Neural Graphics Primitives. 2022, section 4.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;

// As AdamBlock in modalities/nerf/field.cpp.
struct AdamBlock {
    vec4 moments;       // beta1, beta2, epsilon; rate
    vec4 corrections;   // 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t); decay of weights; what the
                        // gradient is multiplied by
};

layout(set = 0, binding = 0) readonly buffer Block { AdamBlock block; };
layout(set = 0, binding = 1) buffer Gradient { vec4 gradient[]; };
layout(set = 0, binding = 2) buffer First { vec4 first[]; };
layout(set = 0, binding = 3) buffer Second { vec4 second[]; };
layout(set = 0, binding = 4) buffer Parameters { vec4 parameters[]; };
layout(push_constant) uniform Args { uint entries; uint end; } args;   // four-vectors; weights last

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= args.end) return;
    vec4 g = gradient[i] * block.corrections.w;
    if (i < args.entries && g == vec4(0.0)) return;
    gradient[i] = vec4(0.0);
    vec4 x = parameters[i], m = first[i], v = second[i];
    for (uint k = 0u; k < 4u; k++) {
        if (!usable(g[k]) || (i < args.entries && g[k] == 0.0)) continue;
        if (i >= args.entries) g[k] += block.corrections.z * x[k];
        m[k] = block.moments.x * m[k] + (1.0 - block.moments.x) * g[k];
        v[k] = block.moments.y * v[k] + (1.0 - block.moments.y) * g[k] * g[k];
        x[k] -= block.moments.w * block.corrections.x * m[k] /
                (sqrt(v[k]) * block.corrections.y + block.moments.z);
        x[k] = clamp(x[k], -1e4, 1e4);
    }
    parameters[i] = x, first[i] = m, second[i] = v;
}
