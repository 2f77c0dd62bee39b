#version 450
#extension GL_GOOGLE_include_directive : enable
// Along rows, the windowed means of a picture x, its target y, x x, y y and x y, five vectors a
// pixel.
// Source: Wang, Bovik, Sheikh, Simoncelli. Image Quality Assessment: From Error Visibility to
// Structural Similarity. 2004, equations 14 to 16.
#include "lib/splat_loss.glsl"

layout(local_size_x = 128) in;

layout(set = 0, binding = 0) readonly buffer Block { LossBlock block; };
layout(set = 0, binding = 1) readonly buffer Image { vec4 image[]; };     // two a pixel
layout(set = 0, binding = 2) readonly buffer Target { vec4 target[]; };   // times alpha
layout(set = 0, binding = 3) writeonly buffer Means { vec4 means[]; };
layout(push_constant) uniform Args { uint width; uint invocations; } args;

struct Sums { vec3 x, y, xx, yy, xy; };

void add(inout Sums s, vec3 x, vec3 y, float w) {
    vec3 wx = w * x, wy = w * y;
    s.x += wx;
    s.y += wy;
    s.xx += wx * x;
    s.yy += wy * y;
    s.xy += wx * y;
}

void put(Sums s, Line line, int along) {
    if (along >= line.size) return;
    uint at = 5u * pixel_at(line, along);
    means[at] = vec4(s.x, 0.0);
    means[at + 1u] = vec4(s.y, 0.0);
    means[at + 2u] = vec4(s.xx, 0.0);
    means[at + 3u] = vec4(s.yy, 0.0);
    means[at + 4u] = vec4(s.xy, 0.0);
}

void main() {
    uint invocation = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (invocation >= args.invocations) return;
    Line line = row_of(invocation, args.width);
    Sums sums[kRun];
#define BEGIN(k) sums[k] = Sums(vec3(0.0), vec3(0.0), vec3(0.0), vec3(0.0), vec3(0.0));
    EACH_PIXEL(BEGIN)
    for (int t = -kReach; t < kReach + kRun; t++) {
        int along = line.first + t;
        uint i = pixel_at(line, along);
        float inside = within(line, along);
        vec3 x = inside * exposed(block, image[2u * i].rgb);
        vec3 y = inside * over(block, target[i]);
#define ADD(k) add(sums[k], x, y, window_at(t - k));
        EACH_PIXEL(ADD)
    }
#define PUT(k) put(sums[k], line, line.first + k);
    EACH_PIXEL(PUT)
}
