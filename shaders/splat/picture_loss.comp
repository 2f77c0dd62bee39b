#version 450
#extension GL_GOOGLE_include_directive : enable
// The slopes of a picture's loss by its pixels, and for each workgroup three sums over its pixels:
// of absolute differences of colour, of 1 - SSIM, and of absolute differences of alpha.
// Source: Kerbl et al. 3D Gaussian Splatting. 2023, equation 7.
#include "lib/splat_loss.glsl"

layout(local_size_x = 128) in;
#include "lib/group.glsl"

layout(set = 0, binding = 0) readonly buffer Block { LossBlock block; };
layout(set = 0, binding = 1) readonly buffer Image { vec4 image[]; };
layout(set = 0, binding = 2) readonly buffer Target { vec4 target[]; };
layout(set = 0, binding = 3) readonly buffer Similar { vec4 similar[]; };   // of ssim_map
layout(set = 0, binding = 4) readonly buffer Sums { vec4 sums[]; };   // of ssim_rows_backward
layout(set = 0, binding = 5) writeonly buffer Slopes { vec4 slopes[]; };
layout(set = 0, binding = 6) writeonly buffer Losses { float losses[]; };
layout(push_constant) uniform Args { uint width; uint pixels; } args;

void main() {
    uint at = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x, w = args.width;
    vec3 loss = vec3(0.0);
    if (at < args.pixels) {
        ivec2 reach = reach_of(at / w, args.pixels / w);
        vec3 s[3] = vec3[](vec3(0.0), vec3(0.0), vec3(0.0));
        for (int k = reach.x; k <= reach.y; k++)
            for (uint v = 0u; v < 3u; v++)
                s[v] += window_at(k) * sums[3u * uint(int(at) + k * int(w)) + v].rgb;
        vec4 drawn = image[2u * at], wanted = target[at];
        vec3 y = wanted.rgb + (1.0 - wanted.a) * block.background.rgb, x = drawn.rgb;
        vec3 by_similarity = s[0] + 2.0 * x * s[1] + y * s[2];
        float by_alpha = block.weights.z * sign(drawn.a - wanted.a);
        slopes[2u * at] = vec4(block.weights.x * sign(x - y) - block.weights.y * by_similarity,
                               by_alpha);
        slopes[2u * at + 1u] = vec4(0.0);
        loss = vec3(dot(abs(x - y), vec3(1.0)), similar[3u * at].w, abs(drawn.a - wanted.a));
    }
    for (uint v = 0u; v < 3u; v++) {
        float sum = group_sum(loss[v]);
        if (gl_LocalInvocationID.x == 0u) losses[3u * workgroup() + v] = sum;
    }
}
