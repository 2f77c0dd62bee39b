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
layout(set = 0, binding = 1) buffer Gradient { float gradient[]; };
layout(set = 0, binding = 2) buffer First { float first[]; };
layout(set = 0, binding = 3) buffer Second { float second[]; };
layout(set = 0, binding = 4) buffer Parameters { float parameters[]; };
layout(push_constant) uniform Args { uint entries; uint end; } args;   // values; weights behind

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= args.end) return;
    float g = gradient[i] * block.corrections.w;
    gradient[i] = 0.0;
    if (!usable(g) || (i < args.entries && g == 0.0)) return;
    float x = parameters[i];
    if (i >= args.entries) g += block.corrections.z * x;
    float m = block.moments.x * first[i] + (1.0 - block.moments.x) * g;
    float v = block.moments.y * second[i] + (1.0 - block.moments.y) * g * g;
    first[i] = m;
    second[i] = v;
    x -= block.moments.w * block.corrections.x * m /
         (sqrt(v) * block.corrections.y + block.moments.z);
    parameters[i] = clamp(x, -1e4, 1e4);
}
