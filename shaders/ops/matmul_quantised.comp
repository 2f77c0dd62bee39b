#version 450
// Product with a quantised matrix B, for GPUs: its blocks become f32 on their way into shared
// memory. Tiles as in matmul.comp, but for plain rows of A.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/product_quantised.glsl"

layout(local_size_x = 128, local_size_x_id = 0) in;
layout(constant_id = 6) const uint ROWS = 4;          // of an invocation
layout(constant_id = 7) const uint COLUMNS = 2;       // of an invocation, in fours
layout(constant_id = 8) const uint ACROSS = 8;        // invocations along the columns
layout(constant_id = 9) const uint DEPTH = 8;         // of a tile along K, in fours
layout(constant_id = 10) const uint A_FORMAT = 0;     // kF32, kF16 or kBF16

layout(set = 0, binding = 0) readonly buffer A { uvec2 a[]; };

const uint kThreads = gl_WorkGroupSize.x;
const uint kTileRows = ROWS * (kThreads / ACROSS);
const uint kTileColumns = COLUMNS * ACROSS;           // in fours

shared vec4 tile_a[DEPTH * kTileRows];                // [k / 4][row], four k each
shared vec4 tile_b[4 * DEPTH * kTileColumns];         // [k][column], four columns each

void fill(uint k, uint row0, uint column0) {
    [[unroll]] for (uint item = gl_LocalInvocationIndex; item < DEPTH * kTileRows;
                    item += kThreads) {
        uint k4 = item % DEPTH, row = item / DEPTH;
        uint from = min(row0 + row, rows - 1) * depth + min(k + k4, depth - 1);
        tile_a[k4 * kTileRows + row] = LOAD_FORMAT(a, A_FORMAT, from);
    }
    [[unroll]] for (uint item = gl_LocalInvocationIndex; item < DEPTH * kTileColumns;
                    item += kThreads) {
        uint k4 = item / kTileColumns, column = item % kTileColumns;
        mat4 m = mat4(0.0);
        if (k + k4 < depth)
            m = dequantise(B_FORMAT, k + k4, min(column0 + column, columns - 1), depth, columns);
        [[unroll]] for (uint q = 0; q < 4; q++)
            tile_b[(4 * k4 + q) * kTileColumns + column] = m[q];
    }
}

vec4 acc[ROWS][COLUMNS];

void multiply(uint row0, uint column0) {
    [[dont_unroll]] for (uint k4 = 0; k4 < DEPTH; k4++) {
        vec4 left[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++) left[r] = tile_a[k4 * kTileRows + row0 + r];
        [[unroll]] for (uint q = 0; q < 4; q++) {
            vec4 right[COLUMNS];
            [[unroll]] for (uint j = 0; j < COLUMNS; j++)
                right[j] = tile_b[(4 * k4 + q) * kTileColumns + column0 + j * ACROSS];
            [[unroll]] for (uint r = 0; r < ROWS; r++)
                [[unroll]] for (uint j = 0; j < COLUMNS; j++)
                    acc[r][j] = fma(vec4(left[r][q]), right[j], acc[r][j]);
        }
    }
}

void main() {
    uint thread = gl_LocalInvocationIndex;
    uint tile_row = gl_WorkGroupID.x * kTileRows, tile_column = gl_WorkGroupID.y * kTileColumns;
    uint row0 = thread / ACROSS * ROWS, column0 = thread % ACROSS;
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) acc[r][j] = vec4(0.0);
    for (uint k = 0; k < depth; k += DEPTH) {
        fill(k, tile_row, tile_column);
        barrier();
        multiply(row0, column0);
        barrier();
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++)
            finish(tile_row + row0 + r, tile_column + column0 + j * ACROSS, acc[r][j]);
}
