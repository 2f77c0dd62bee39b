#version 450
// The results A^T m of a band of tiles, from 7 matrices m [n * dilation, tiles, columns] and with
// the epilogue of a product, into a band of the columns of D [n, width, c]. Columns count in fours.
// See lib/winograd_line.glsl.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/special.glsl"
#include "lib/storage.glsl"
#include "lib/winograd_line.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint BIAS = 0;
layout(constant_id = 2) const uint ACTIVATION = 0;
layout(constant_id = 3) const uint RESIDUAL = 0;   // 1: a tensor like D, 2: a row for each image
layout(constant_id = 4) const uint HALF = 0;       // D is f16
layout(constant_id = 5) const uint RUN = 1;        // tiles that an invocation makes, side by side
layout(set = 0, binding = 0) uniform samplerBuffer m;
layout(set = 0, binding = 1) uniform samplerBuffer bias;
layout(set = 0, binding = 2) uniform samplerBuffer residual;
layout(set = 0, binding = 3) writeonly buffer D { uvec2 d[]; };
layout(push_constant) uniform Args {
    uint first_tile, tiles;       // of the band, in each line
    uint lines, dilation;
    uint first_column, columns;   // of the band
    uint pitch;                   // between pixels of D
    uint width;
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
    uint item = gl_GlobalInvocationID.x, run = item / columns, c = item % columns;
    uint runs = (tiles + RUN - 1) / RUN, line = run / runs, begin = run % runs * RUN;
    if (line >= lines) return;
    uint image = line / dilation, to = first_column + c;
    vec4 added = BIAS != 0 ? texelFetch(bias, int(to)) : vec4(0.0);
    vec4 of_image = RESIDUAL == 2 ? texelFetch(residual, int(image * pitch + to)) : vec4(0.0);
    uint at = (first_tile + begin) * 4 * dilation + line % dilation;
    for (uint tile = begin; tile < min(begin + RUN, tiles); tile++) {
        vec4 products[7];
        [[unroll]] for (uint i = 0; i < 7; i++)
            products[i] = texelFetch(m, int(((i * lines + line) * tiles + tile) * columns + c));
        vec4 y[4] = of_product(products);
        [[unroll]] for (uint i = 0; i < 4; i++, at += dilation) {
            if (at >= width) continue;
            uint index = (image * width + at) * pitch + to;
            vec4 value = activate(ACTIVATION, y[i] + added, 0.01) + of_image;
            if (RESIDUAL == 1) value += texelFetch(residual, int(index));
            store(index, value);
        }
    }
}
