#version 450
// Copies matrices [batch, rows, columns] into larger or smaller ones: zeros where no source is.
// Gives the matrix products operands whose extents are multiples of four.
#extension GL_GOOGLE_include_directive : require
#include "lib/storage.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint HALF = 0;   // f16; out_columns is a multiple of four then

layout(set = 0, binding = 0) readonly buffer X { uint x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { uint y[]; };

layout(push_constant) uniform Args {
    uint batch, rows, columns, out_rows, out_columns;
};

void main() {
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uint item = group * 64 + gl_LocalInvocationID.x;
    uint groups = (out_columns + 3) / 4;
    uint column = item % groups * 4, line = item / groups;
    uint row = line % out_rows, matrix = line / out_rows;
    if (matrix >= batch) return;
    vec4 value = vec4(0.0);
    for (uint i = 0; i < 4; i++) {
        if (row >= rows || column + i >= columns) break;
        uint from = (matrix * rows + row) * columns + column + i;
        value[i] = HALF != 0 ? half_of(x[from / 2], from) : uintBitsToFloat(x[from]);
    }
    uint to = line * out_columns + column;
    if (HALF != 0) {
        uvec2 packed = pack_f16(value);
        y[to / 2] = packed.x;
        y[to / 2 + 1] = packed.y;
        return;
    }
    for (uint i = 0; i < 4 && column + i < out_columns; i++) y[to + i] = floatBitsToUint(value[i]);
}
