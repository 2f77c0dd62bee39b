#version 450
#extension GL_GOOGLE_include_directive : enable
// Turns the first 2 * half_width columns of each head of x [tokens, heads, width] as pairs
// (i, i + half_width); the rest stays. turns [sequence, 2, half_width]: cosines, then sines.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) readonly buffer Turns { UNIT turns[]; };
layout(set = 0, binding = 2) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args {
    uint count;
    uint chunk;
    uint width;        // of a head
    uint half_width;
    uint row;          // heads * width
    uint sequence;
    uint first_token;
    uint x_base;
    uint y_base;
} args;

void main() {
    uint end = end_unit(args.chunk, args.count);
    for (uint i = first_unit(args.chunk); i < end; i += gl_WorkGroupSize.x) {
        uint token = (args.first_token + i / args.row) % args.sequence, column = i % args.width;
        UNIT v = load(x[args.x_base + i]);
        if (column < 2u * args.half_width) {
            bool first = column < args.half_width;
            uint pair = first ? column : column - args.half_width;
            uint other = first ? i + args.half_width : i - args.half_width;
            uint at = 2u * token * args.half_width + pair;
            UNIT turned = load(x[args.x_base + other]) * turns[at + args.half_width];
            v = v * turns[at] + (first ? -turned : turned);
        }
        y[args.y_base + i] = store(v);
    }
}
