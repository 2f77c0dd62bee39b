#version 450
#extension GL_GOOGLE_include_directive : enable
// Moves the means at random, as far as a splat is wide and the less the more opaque it is, so that
// what is nearly transparent explores. Splat i draws from counter (step, i).
// Source: Kheradmand et al. 3D Gaussian Splatting as Markov Chain Monte Carlo. 2024, equation 9.
#define SCALAR
#include "lib/special.glsl"
#include "lib/philox.glsl"
#include "lib/splat_project.glsl"
#include "lib/splat_optimiser.glsl"

layout(local_size_x = 128) in;

layout(set = 0, binding = 0) readonly buffer Block { OptimiserBlock block; };
layout(set = 0, binding = 1) buffer Splats { float splats[]; };
layout(push_constant) uniform Args { uint capacity; } args;

#include "lib/splat_parameters.glsl"

const float kTransparent = 0.005, kSteepness = 100.0;

vec2 normals(uvec2 bits) {
    float u = float(bits.x) * 2.3283064365386963e-10 + 1.1641532182693481e-10;
    float v = float(bits.y) * 1.4629180792671596e-9 + 7.314590396335798e-10;
    float radius = sqrt(max(-2.0 * log_of(u), 0.0));
    return radius * vec2(sine(v, 0.0), sine(v, 1.0));
}

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= block.size.x) return;
    Parameters s = parameters_of(i);
    uvec4 bits = philox(uvec4(block.step.x, 0u, i, 1u), block.size.zw);
    vec3 n = vec3(normals(bits.xy), normals(bits.zw).x);
    mat3 axes = rotation_of(s.quaternion / length(s.quaternion));
    float opacity = sigmoid(s.logit);
    float amount = block.sum.z * sigmoid(-kSteepness * (opacity - kTransparent));
    vec3 moved = s.mean + amount * (axes * (s.scale * s.scale * (n * axes)));
    float box = block.moments.w;
    if (!usable(vec4(moved, 0.0))) return;
    for (uint k = 0u; k < 3u; k++) splats[3u * i + k] = clamp(moved[k], -box, box);
}
