#version 450
#extension GL_GOOGLE_include_directive : enable
// Gradient of pooling: each input sums over the windows that cover it. Of equal maxima the first in
// a window takes its gradient, as in torch. Axes of the walk: channels, w, h, n of the input.
#define SCALAR
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const bool MAXIMUM = false;
layout(set = 0, binding = 0) readonly buffer X { float x[]; };
layout(set = 0, binding = 1) readonly buffer D { float d[]; };
layout(set = 0, binding = 2) writeonly buffer Dx { float dx[]; };
layout(push_constant) uniform Args {
    uint extents[4];
    uint steps[4];
    int out_size[2];     // h, w
    int kernel[2];
    int stride[2];
    int pad[2];
    uint count;
    uint chunk;
} args;
const uint DIMS = 4;
#include "lib/walk.glsl"

uint x_at(int row, int column) {
    uint pixel = (digits[3] * args.extents[2] + uint(row)) * args.extents[1] + uint(column);
    return pixel * args.extents[0] + digits[0];
}

// True when x(row, column) is the first maximum of the window at (top, left).
bool wins(int row, int column, int top, int left) {
    float v = x[x_at(row, column)];
    for (int r = max(top, 0); r < min(top + args.kernel[0], int(args.extents[2])); r++)
        for (int s = max(left, 0); s < min(left + args.kernel[1], int(args.extents[1])); s++) {
            float other = x[x_at(r, s)];
            bool before = r < row || (r == row && s < column);
            if (other > v || (before && other == v)) return false;
        }
    return true;
}

void main() {
    uint end = end_unit(args.chunk, args.count), i = first_unit(args.chunk);
    walk_to(i);
    for (; i < end; i += gl_WorkGroupSize.x) {
        int row = int(digits[2]), column = int(digits[1]);
        int r1 = min((row + args.pad[0]) / args.stride[0], args.out_size[0] - 1);
        int s1 = min((column + args.pad[1]) / args.stride[1], args.out_size[1] - 1);
        float sum = 0.0;
        for (int r = r1; r >= 0; r--) {
            int top = r * args.stride[0] - args.pad[0];
            if (top + args.kernel[0] <= row) break;
            for (int s = s1; s >= 0; s--) {
                int left = s * args.stride[1] - args.pad[1];
                if (left + args.kernel[1] <= column) break;
                uint rows = digits[3] * uint(args.out_size[0]) + uint(r);
                uint at = (rows * uint(args.out_size[1]) + uint(s)) * args.extents[0] + digits[0];
                if (!MAXIMUM || wins(row, column, top, left)) sum += d[at];
            }
        }
        dx[i] = MAXIMUM ? sum : sum / float(args.kernel[0] * args.kernel[1]);
        walk_on();
    }
}
