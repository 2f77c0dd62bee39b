#version 450
// The transforms B^T d of the 7 values of x [n, length, c] from every fourth on, each as a row of 7
// matrices [n * dilation, tiles, c]: pixels a dilation apart make a line of their own. A band of
// tiles. Channels count in fours. See lib/winograd_line.glsl.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/winograd_line.glsl"

layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) uniform samplerBuffer x;
layout(set = 0, binding = 1) writeonly buffer V { vec4 v[]; };
layout(push_constant) uniform Args {
    uint first, tiles;      // of the band, in each line
    uint lines, dilation;   // lines: n * dilation
    uint channels;
    int width, pad;
};

void main() {
    uint item = gl_GlobalInvocationID.x, row = item / channels, c = item % channels;
    uint line = row / tiles, tile = row % tiles;
    if (line >= lines) return;
    int from = int((first + tile) * 4 * dilation + line % dilation) - pad;
    int image = int(line / dilation) * width;
    vec4 d[7];
    [[unroll]] for (int i = 0; i < 7; i++) {
        int at = from + i * int(dilation);
        bool inside = at >= 0 && at < width;
        d[i] = texelFetch(x, inside ? (image + at) * int(channels) + int(c) : 0);
        if (!inside) d[i] = vec4(0.0);
    }
    d = of_input(d);
    [[unroll]] for (uint i = 0; i < 7; i++) v[(i * lines * tiles + row) * channels + c] = d[i];
}
