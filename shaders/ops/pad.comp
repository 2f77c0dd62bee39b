#version 450
#extension GL_GOOGLE_include_directive : enable
// Zeros or a mirror image around a tensor. `before` and `inside` are, per axis, where X begins in Y
// and its extent; with REFLECT the edge itself is not repeated.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint DIMS = 1;
layout(constant_id = 2) const bool REFLECT = false;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args {
    uint extents[5];
    uint steps[5];
    uint x_strides[5];
    uint before[5];
    uint inside[5];
    uint count;
    uint chunk;
} args;
#include "lib/walk.glsl"

void main() {
    uint end = end_unit(args.chunk, args.count), i = first_unit(args.chunk);
    walk_to(i);
    for (; i < end; i += gl_WorkGroupSize.x) {
        uint at = 0u;
        bool inside = true;
        for (uint d = 0u; d < DIMS; d++) {
            int k = int(digits[d]) - int(args.before[d]), last = int(args.inside[d]) - 1;
            if (REFLECT) k = k < 0 ? -k : k > last ? 2 * last - k : k;
            inside = inside && k >= 0 && k <= last;
            at += uint(k) * args.x_strides[d];
        }
        y[i] = store(inside ? load(x[at]) : UNIT(0.0));
        walk_on();
    }
}
