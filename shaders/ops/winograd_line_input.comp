#version 450
// The transforms B^T d of the 7 values of x [n, length, c] from every fourth on, each as a row of 7
// matrices [n * dilation, tiles, c]: pixels a dilation apart make a line of their own. A band of
// tiles. Channels count in fours. See lib/winograd_line.glsl.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/winograd_line.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint RUN = 1;   // tiles that an invocation takes, side by side
layout(set = 0, binding = 0) uniform samplerBuffer x;
layout(set = 0, binding = 1) writeonly buffer V { vec4 v[]; };
layout(push_constant) uniform Args {
    uint first, tiles;      // of the band, in each line
    uint lines, dilation;   // lines: n * dilation
    uint channels;
    int width, pad;
};

vec4 value_of(int image, int at, uint c) {
    bool inside = at >= 0 && at < width;
    vec4 value = texelFetch(x, inside ? (image + at) * int(channels) + int(c) : 0);
    return inside ? value : vec4(0.0);
}

void main() {
    uint item = gl_GlobalInvocationID.x, run = item / channels, c = item % channels;
    uint runs = (tiles + RUN - 1) / RUN, line = run / runs, begin = run % runs * RUN;
    if (line >= lines) return;
    int step = int(dilation), image = int(line / dilation) * width;
    int at = int((first + begin) * 4 * dilation + line % dilation) - pad;
    vec4 d[7];   // of which three are those of the next tile too
    [[unroll]] for (int i = 0; i < 3; i++) d[i] = value_of(image, at + i * step, c);
    for (uint tile = begin; tile < min(begin + RUN, tiles); tile++) {
        [[unroll]] for (int i = 3; i < 7; i++) d[i] = value_of(image, at + i * step, c);
        vec4 t[7] = of_input(d);
        [[unroll]] for (uint i = 0; i < 7; i++)
            v[((i * lines + line) * tiles + tile) * channels + c] = t[i];
        [[unroll]] for (int i = 0; i < 3; i++) d[i] = d[i + 4];
        at += 4 * step;
    }
}
