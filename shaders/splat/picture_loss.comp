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
layout(push_constant) uniform Args { uint width; uint pixels; uint invocations; } args;

struct Similarity { vec3 by_mean, by_square, by_product; };

// What pixel `along` the line adds to the three sums; its slopes are written.
vec3 finish(Similarity s, Line line, int along) {
    if (along >= line.size) return vec3(0.0);
    uint at = pixel_at(line, along);
    vec4 drawn = image[2u * at], wanted = target[at];
    vec3 y = wanted.rgb + (1.0 - wanted.a) * block.background.rgb, x = drawn.rgb;
    vec3 by_similarity = s.by_mean + 2.0 * x * s.by_square + y * s.by_product;
    slopes[2u * at] = vec4(block.weights.x * sign(x - y) - block.weights.y * by_similarity,
                           block.weights.z * sign(drawn.a - wanted.a));
    slopes[2u * at + 1u] = vec4(0.0);
    return vec3(dot(abs(x - y), vec3(1.0)), similar[3u * at].w, abs(drawn.a - wanted.a));
}

void main() {
    uint invocation = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    vec3 loss = vec3(0.0);
    if (invocation < args.invocations) {
        Line line = column_of(invocation, args.width, args.pixels);
        Similarity s[kRun];
#define BEGIN(k) s[k] = Similarity(vec3(0.0), vec3(0.0), vec3(0.0));
        EACH_PIXEL(BEGIN)
        for (int t = -kReach; t < kReach + kRun; t++) {
            int along = line.first + t;
            uint from = 3u * pixel_at(line, along);
            float inside = within(line, along);
            vec3 by_mean = inside * sums[from].rgb, by_square = inside * sums[from + 1u].rgb;
            vec3 by_product = inside * sums[from + 2u].rgb;
#define ADD(k) { \
    float w = window_at(t - k); \
    s[k].by_mean += w * by_mean; \
    s[k].by_square += w * by_square; \
    s[k].by_product += w * by_product; \
}
            EACH_PIXEL(ADD)
        }
#define FINISH(k) loss += finish(s[k], line, line.first + k);
        EACH_PIXEL(FINISH)
    }
    for (uint v = 0u; v < 3u; v++) {
        float sum = group_sum(loss[v]);
        if (gl_LocalInvocationID.x == 0u) losses[3u * workgroup() + v] = sum;
    }
}
