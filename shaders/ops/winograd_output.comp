#version 450
// The results A^T m A of a band of tiles, from 36 matrices m [tiles, columns] and with the epilogue
// of a product, into a band of the columns of D [n, h, w, c]. Columns count in fours. See
// lib/winograd.glsl.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/special.glsl"
#include "lib/storage.glsl"
#include "lib/winograd.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint BIAS = 0;
layout(constant_id = 2) const uint ACTIVATION = 0;
layout(constant_id = 3) const uint RESIDUAL = 0;   // 1: a tensor like D, 2: a row for each image
layout(constant_id = 4) const uint HALF = 0;       // D is f16
layout(constant_id = 5) const uint STATISTICS = 0; // of D are wanted, whose tiles are all whole
layout(set = 0, binding = 0) uniform samplerBuffer m;
layout(set = 0, binding = 1) uniform samplerBuffer bias;
layout(set = 0, binding = 2) uniform samplerBuffer residual;
layout(set = 0, binding = 3) writeonly buffer D { uvec2 d[]; };
layout(set = 0, binding = 4) writeonly buffer Statistics { vec4 statistics[]; };   // by tile
layout(push_constant) uniform Args {
    uint first_tile, count;        // of the band
    uint first_column, columns;    // of the band
    uint pitch;                    // between pixels of D
    uint tiles_x, tiles_y;         // of an image
    uint width, height;
};

void store(uint index, vec4 value) {
    if (HALF != 0) {
        d[index] = pack_f16(value);
    } else {
        uvec4 bits = floatBitsToUint(value);
        d[2 * index] = bits.xy;
        d[2 * index + 1] = bits.zw;
    }
}

void main() {
    uint item = gl_GlobalInvocationID.x, tile = item / columns, c = item % columns;
    if (tile >= count) return;
    uint at = first_tile + tile, column = at % tiles_x, row = at / tiles_x % tiles_y;
    uint image = at / (tiles_x * tiles_y), to = first_column + c;

    vec4 half_way[4][6];   // A^T m
    [[unroll]] for (uint j = 0; j < 6; j++) {
        vec4 products[6];
        [[unroll]] for (uint i = 0; i < 6; i++)
            products[i] = texelFetch(m, int(((6 * i + j) * count + tile) * columns + c));
        vec4 t[4] = of_product(products);
        [[unroll]] for (uint i = 0; i < 4; i++) half_way[i][j] = t[i];
    }
    vec4 added = BIAS != 0 ? texelFetch(bias, int(to)) : vec4(0.0);
    vec4 of_image = RESIDUAL == 2 ? texelFetch(residual, int(image * pitch + to)) : vec4(0.0);
    vec4 shift, s = vec4(0.0), q = vec4(0.0);
    [[unroll]] for (uint i = 0; i < 4; i++) {
        vec4 line[4] = of_product(half_way[i]);
        uint y = 4 * row + i;
        [[unroll]] for (uint j = 0; j < 4; j++) {
            uint x = 4 * column + j;
            if (y >= height || x >= width) continue;
            uint index = ((image * height + y) * width + x) * pitch + to;
            vec4 value = activate(ACTIVATION, line[j] + added, 0.01) + of_image;
            if (RESIDUAL == 1) value += texelFetch(residual, int(index));
            store(index, value);
            if (i == 0 && j == 0) shift = value;
            s += value - shift;
            q += (value - shift) * (value - shift);
        }
    }
    if (STATISTICS == 0) return;
    statistics[2 * (at * pitch + to)] = shift + s / 16.0;
    statistics[2 * (at * pitch + to) + 1] = max(q - s * s / 16.0, 0.0);
}
