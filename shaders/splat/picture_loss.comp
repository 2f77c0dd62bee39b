#version 450
#extension GL_GOOGLE_include_directive : enable
// The slopes of a picture's loss by its pixels, and for each workgroup three sums over its pixels:
// of absolute differences of colour, of 1 - SSIM, and of absolute differences of alpha; with
// EXPOSED then the slopes by gain and offset of each channel.
// Source: Kerbl et al. 3D Gaussian Splatting. 2023, equation 7.
#include "lib/splat_loss.glsl"

layout(local_size_x = 128) in;
#include "lib/group.glsl"

layout(constant_id = 0) const bool EXPOSED = false;

layout(set = 0, binding = 0) readonly buffer Block { LossBlock block; };
layout(set = 0, binding = 1) readonly buffer Image { vec4 image[]; };
layout(set = 0, binding = 2) readonly buffer Target { vec4 target[]; };
layout(set = 0, binding = 3) readonly buffer Similar { vec4 similar[]; };   // of ssim_map
layout(set = 0, binding = 4) readonly buffer Sums { vec4 sums[]; };   // of ssim_rows_backward
layout(set = 0, binding = 5) writeonly buffer Slopes { vec4 slopes[]; };
layout(set = 0, binding = 6) writeonly buffer Losses { float losses[]; };
layout(push_constant) uniform Args { uint width; uint pixels; uint invocations; } args;

struct Similarity { vec3 by_mean, by_square, by_product; };

struct Totals { vec3 loss, by_gain, by_offset; };

// Adds pixel `along` the line to the sums, and writes its slopes.
void finish(inout Totals totals, Similarity s, Line line, int along) {
    if (along >= line.size) return;
    uint at = pixel_at(line, along);
    vec4 drawn = image[2u * at], wanted = target[at];
    vec3 y = over(block, wanted), x = exposed(block, drawn.rgb);
    vec3 by_similarity = s.by_mean + 2.0 * x * s.by_square + y * s.by_product;
    vec3 slope = block.weights.x * sign(x - y) - block.weights.y * by_similarity;
    slopes[2u * at] = vec4(block.gain.rgb * slope, block.weights.z * sign(drawn.a - wanted.a));
    slopes[2u * at + 1u] = vec4(0.0);
    totals.loss +=
        vec3(dot(abs(x - y), vec3(1.0)), similar[3u * at].w, abs(drawn.a - wanted.a));
    totals.by_gain += slope * drawn.rgb;
    totals.by_offset += slope;
}

void main() {
    uint invocation = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    Totals totals = Totals(vec3(0.0), vec3(0.0), vec3(0.0));
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
#define FINISH(k) finish(totals, s[k], line, line.first + k);
        EACH_PIXEL(FINISH)
    }
    float values[9] = float[](totals.loss.x, totals.loss.y, totals.loss.z, totals.by_gain.r,
                              totals.by_gain.g, totals.by_gain.b, totals.by_offset.r,
                              totals.by_offset.g, totals.by_offset.b);
    const uint count = EXPOSED ? 9u : 3u;
    for (uint v = 0u; v < count; v++) {
        float sum = group_sum(values[v]);
        if (gl_LocalInvocationID.x == 0u) losses[count * workgroup() + v] = sum;
    }
}
