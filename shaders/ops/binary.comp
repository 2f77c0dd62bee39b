#version 450
#extension GL_GOOGLE_include_directive : enable
// A function of two values with numpy's broadcasting. A_SPLAT, B_SPLAT: the operand's last axis is
// broadcast, so its strides and base are in elements; otherwise everything is in units.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint OP = 0;
layout(constant_id = 2) const uint DIMS = 1;
layout(constant_id = 3) const bool A_SPLAT = false;
layout(constant_id = 4) const bool B_SPLAT = false;
layout(set = 0, binding = 0) readonly buffer A { STORED a[]; };
layout(set = 0, binding = 1) readonly buffer B { STORED b[]; };
layout(set = 0, binding = 2) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args {
    uint extents[6];
    uint steps[6];
    uint a_strides[6];
    uint b_strides[6];
    uint a_base;
    uint b_base;
    uint y_base;
    uint count;
    uint chunk;
} args;
#include "lib/walk.glsl"

UNIT apply(UNIT p, UNIT q) {
    switch (OP) {
        case 0u: return p + q;
        case 1u: return p - q;
        case 2u: return p * q;
        case 3u: return p / q;
        case 4u: return max(p, q);
        default: return min(p, q);
    }
}

void main() {
    uint end = end_unit(args.chunk, args.count), i = first_unit(args.chunk);
    walk_to(i);
    for (; i < end; i += gl_WorkGroupSize.x) {
        uint at = args.a_base + walk_offset(args.a_strides);
        uint bt = args.b_base + walk_offset(args.b_strides);
        UNIT p = A_SPLAT ? UNIT(ELEMENT(a, at)) : load(a[at]);
        UNIT q = B_SPLAT ? UNIT(ELEMENT(b, bt)) : load(b[bt]);
        y[args.y_base + i] = store(apply(p, q));
        walk_on();
    }
}
