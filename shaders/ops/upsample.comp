#version 450
#extension GL_GOOGLE_include_directive : enable
// Resizes [n, h, w, c]. MODE 0: nearest, floor(i * scale). 1: bilinear between pixel centres.
// 2: bilinear, corners aligned. Axes of the walk: channel units, w, h, n.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint MODE = 0;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args {
    uint extents[4];
    uint steps[4];
    uint in_h;
    uint in_w;
    float scale_h;
    float scale_w;
    uint first_row;      // of the result, where this launch begins
    uint x_row;          // of the input, where its window begins
    uint x_base;
    uint y_base;
    uint count;
    uint chunk;
} args;
const uint DIMS = 4;
#include "lib/walk.glsl"

float source_of(uint i, float scale) {
    return MODE == 1u ? max((float(i) + 0.5) * scale - 0.5, 0.0) : float(i) * scale;
}

UNIT fetch(uint row, uint column) {
    return load(x[args.x_base + ((digits[3] * args.in_h + row - args.x_row) * args.in_w + column)
                                * args.extents[0] + digits[0]]);
}

void main() {
    uint end = end_unit(args.chunk, args.count), i = first_unit(args.chunk);
    walk_to(i);
    for (; i < end; i += gl_WorkGroupSize.x) {
        float fy = source_of(digits[2] + args.first_row, args.scale_h);
        float fx = source_of(digits[1], args.scale_w);
        uint y0 = min(uint(fy), args.in_h - 1u), x0 = min(uint(fx), args.in_w - 1u);
        UNIT v = fetch(y0, x0);
        if (MODE != 0u) {
            uint y1 = min(y0 + 1u, args.in_h - 1u), x1 = min(x0 + 1u, args.in_w - 1u);
            float wy = fy - float(y0), wx = fx - float(x0);
            v = (1.0 - wy) * ((1.0 - wx) * v + wx * fetch(y0, x1))
                + wy * ((1.0 - wx) * fetch(y1, x0) + wx * fetch(y1, x1));
        }
        y[args.y_base + i] = store(v);
        walk_on();
    }
}
