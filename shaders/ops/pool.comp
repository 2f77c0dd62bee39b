#version 450
#extension GL_GOOGLE_include_directive : enable
// Mean or maximum over windows of [n, h, w, c]. Padding is zeros that count for the mean and never
// win the maximum. Axes of the walk: channel units, w, h, n.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const bool MAXIMUM = false;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args {
    uint extents[4];
    uint steps[4];
    int in_size[2];      // h, w
    int kernel[2];
    int stride[2];
    int pad[2];
    uint count;
    uint chunk;
} args;
const uint DIMS = 4;
#include "lib/walk.glsl"

void main() {
    uint end = end_unit(args.chunk, args.count), i = first_unit(args.chunk);
    walk_to(i);
    for (; i < end; i += gl_WorkGroupSize.x) {
        int top = int(digits[2]) * args.stride[0] - args.pad[0];
        int left = int(digits[1]) * args.stride[1] - args.pad[1];
        uint rows = digits[3] * uint(args.in_size[0]);
        UNIT v = MAXIMUM ? UNIT(-3.4e38) : UNIT(0.0);
        for (int r = max(top, 0); r < min(top + args.kernel[0], args.in_size[0]); r++)
            for (int s = max(left, 0); s < min(left + args.kernel[1], args.in_size[1]); s++) {
                uint at = (rows + uint(r)) * uint(args.in_size[1]) + uint(s);
                UNIT next = load(x[at * args.extents[0] + digits[0]]);
                v = MAXIMUM ? max(v, next) : v + next;
            }
        y[i] = store(MAXIMUM ? v : v / float(args.kernel[0] * args.kernel[1]));
        walk_on();
    }
}
