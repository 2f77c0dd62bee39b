#version 450
#extension GL_GOOGLE_include_directive : enable
// A step of Adam for each splat, with a rate for each kind of parameter. A splat with a gradient
// that is not finite or beyond 1e18 stays as it is, its moments too; a step that would leave it
// without a rotation leaves that.
// Source: Kingma, Ba. Adam: A Method for Stochastic Optimization. 2015, algorithm 1; the weights of
// opacity and scale: Kheradmand et al. 3D Gaussian Splatting as Markov Chain Monte Carlo. 2024,
// equation 10.
#include "lib/splat_optimiser.glsl"

layout(local_size_x = 128) in;
layout(constant_id = 0) const uint HARMONICS = 1u;   // stored a channel

layout(set = 0, binding = 0) readonly buffer Block { OptimiserBlock block; };
layout(set = 0, binding = 1) readonly buffer Sums { float sums[]; };
layout(set = 0, binding = 2) buffer First { float first[]; };
layout(set = 0, binding = 3) buffer Second { float second[]; };
layout(set = 0, binding = 4) buffer Splats { float splats[]; };
layout(push_constant) uniform Args { uint capacity; } args;

const float kLeastQuaternion = 1e-6;  // squared length

bool usable(uint from, uint count) {
    bool all_ = true;
    for (uint k = 0u; k < count; k++) all_ = all_ && usable(sums[from + k]);
    return all_;
}

// What parameter `at` with gradient g becomes; its moments change.
float advanced(uint at, float g, float rate) {
    float m = block.moments.x * first[at] + (1.0 - block.moments.x) * g;
    float v = block.moments.y * second[at] + (1.0 - block.moments.y) * g * g;
    first[at] = m;
    second[at] = v;
    float root = sqrt(v) * block.corrections.y + block.moments.z;
    return splats[at] - rate * block.corrections.x * m / root;
}

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x, n = args.capacity;
    if (i >= block.size.x) return;
    uint mean = 3u * i, scale = 3u * n + 3u * i, turn = 6u * n + 4u * i, logit = 10u * n + i;
    uint colour = 11u * n + 3u * HARMONICS * i;
    if (!usable(mean, 3u) || !usable(scale, 3u) || !usable(turn, 4u) || !usable(logit, 1u) ||
        !usable(colour, 3u * HARMONICS))
        return;
    float box = block.moments.w;
    for (uint k = 0u; k < 3u; k++)
        splats[mean + k] = clamp(advanced(mean + k, sums[mean + k], block.rates.x), -box, box);
    for (uint k = 0u; k < 3u; k++) {
        float g = sums[scale + k] + block.colours.w * exp(splats[scale + k]);
        splats[scale + k] = clamp(advanced(scale + k, g, block.rates.y), block.corrections.z,
                                  block.corrections.w);
    }
    vec4 q;
    for (uint k = 0u; k < 4u; k++) q[k] = advanced(turn + k, sums[turn + k], block.rates.z);
    if (dot(q, q) > kLeastQuaternion)
        for (uint k = 0u; k < 4u; k++) splats[turn + k] = q[k];
    float opacity = 1.0 / (1.0 + exp(-splats[logit]));
    float g = sums[logit] + block.colours.z * opacity * (1.0 - opacity);
    splats[logit] = clamp(advanced(logit, g, block.rates.w), -block.sum.w, block.sum.w);
    for (uint k = 0u; k < 3u * HARMONICS; k++)
        splats[colour + k] = advanced(colour + k, sums[colour + k],
                                      k < 3u ? block.colours.x : block.colours.y);
}
