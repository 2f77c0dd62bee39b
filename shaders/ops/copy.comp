#version 450
#extension GL_GOOGLE_include_directive : enable
// Copies between strided layouts: permute, slice, concat, broadcast. MODE: how X is addressed.
// 0: in units. 1: in elements, each filling a unit (its last axis is broadcast). 2: in elements,
// those of a unit `inner` apart. Y is in units.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint DIMS = 1;
layout(constant_id = 2) const uint MODE = 0;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args {
    uint extents[6];
    uint steps[6];
    uint x_strides[6];
    uint y_strides[6];
    uint x_base;
    uint y_base;
    uint inner;
    uint count;
    uint chunk;
} args;
#include "lib/walk.glsl"

STORED fetch(uint at) {
#ifndef SCALAR
    if (MODE == 1u) return store(UNIT(ELEMENT(x, at)));
    if (MODE == 2u)
        return store(vec4(ELEMENT(x, at), ELEMENT(x, at + args.inner),
                          ELEMENT(x, at + 2u * args.inner), ELEMENT(x, at + 3u * args.inner)));
#endif
    return x[at];
}

void main() {
    uint end = end_unit(args.chunk, args.count), i = first_unit(args.chunk);
    walk_to(i);
    for (; i < end; i += gl_WorkGroupSize.x) {
        uint from = args.x_base + walk_offset(args.x_strides);
        y[args.y_base + walk_offset(args.y_strides)] = fetch(from);
        walk_on();
    }
}
