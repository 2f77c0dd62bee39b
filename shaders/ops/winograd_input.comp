#version 450
// The transforms B^T d B of the 6x6 patches of x [n, h, w, c] under a band of tiles, each as one
// row of 36 matrices [tiles, c]. Channels count in fours. See lib/winograd.glsl.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/special.glsl"
#include "lib/winograd.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint NORMALISED = 0;   // x is not: 0, else 1 + the activation
layout(set = 0, binding = 0) uniform samplerBuffer x;
layout(set = 0, binding = 1) writeonly buffer V { vec4 v[]; };
layout(set = 0, binding = 2) uniform samplerBuffer factors;   // [n, c, {mean, scale, bias}]
layout(push_constant) uniform Args {
    uint first, count;           // tiles: of the band
    uint channels;
    uint tiles_x, tiles_y;       // of an image
    int width, height;
    int pad_x, pad_y;
};

void main() {
    uint item = gl_GlobalInvocationID.x, tile = item / channels, c = item % channels;
    if (tile >= count) return;
    uint at = first + tile, column = at % tiles_x, row = at / tiles_x % tiles_y;
    int image = int(at / (tiles_x * tiles_y)) * height;
    vec4 mean, scale, shift;
    if (NORMALISED != 0) {
        int by = 3 * int(at / (tiles_x * tiles_y) * channels + c);
        mean = texelFetch(factors, by), scale = texelFetch(factors, by + 1);
        shift = texelFetch(factors, by + 2);
    }
    int x0 = 4 * int(column) - pad_x, y0 = 4 * int(row) - pad_y;

    vec4 half_way[6][6];   // B^T d
    [[unroll]] for (int j = 0; j < 6; j++) {
        vec4 d[6];
        int px = x0 + j;
        [[unroll]] for (int i = 0; i < 6; i++) {
            int py = y0 + i;
            bool inside = px >= 0 && px < width && py >= 0 && py < height;
            int from = ((image + py) * width + px) * int(channels) + int(c);
            d[i] = texelFetch(x, inside ? from : 0);
            if (NORMALISED != 0)
                d[i] = activate(NORMALISED - 1, (d[i] - mean) * scale + shift, 0.01);
            if (!inside) d[i] = vec4(0.0);
        }
        d = of_input(d);
        [[unroll]] for (int i = 0; i < 6; i++) half_way[i][j] = d[i];
    }
    [[unroll]] for (uint i = 0; i < 6; i++) {
        vec4 line[6] = of_input(half_way[i]);
        [[unroll]] for (uint j = 0; j < 6; j++)
            v[((6 * i + j) * count + tile) * channels + c] = line[j];
    }
}
