#version 450
// Product with a quantised matrix B, for GPUs: its blocks become f32 on their way into shared
// memory. Tiles as in matmul.comp, but for plain rows of A.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/special.glsl"

layout(local_size_x = 128, local_size_x_id = 0) in;
layout(constant_id = 1) const uint ROWS = 4;          // of an invocation
layout(constant_id = 2) const uint COLUMNS = 2;       // of an invocation, in fours
layout(constant_id = 3) const uint ACROSS = 8;        // invocations along the columns
layout(constant_id = 4) const uint DEPTH = 8;         // of a tile along K, in fours
layout(constant_id = 5) const uint A_FORMAT = 0;      // formats as lib/quant.glsl numbers them
layout(constant_id = 6) const uint B_FORMAT = 8;
layout(constant_id = 7) const uint D_FORMAT = 0;
layout(constant_id = 8) const uint BIAS = 0;          // 0: none, else 1 + format
layout(constant_id = 9) const uint ACTIVATION = 0;
layout(constant_id = 10) const uint RESIDUAL = 0;     // 0: none, 1: like D, 2: a row an image

layout(set = 0, binding = 0) readonly buffer A { uvec2 a[]; };
layout(set = 0, binding = 1) readonly buffer B { uvec2 b[]; };
layout(set = 0, binding = 2) readonly buffer Bias { uvec2 bias[]; };
layout(set = 0, binding = 3) readonly buffer Residual { uvec2 residual[]; };
layout(set = 0, binding = 4) writeonly buffer D { uvec2 d[]; };

layout(push_constant) uniform Args {
    uint rows, columns, depth;                        // of D; of D and K in fours
    uint image_rows;                                  // rows of D that share a row of the residual
    float scale;                                      // of the product
};

#define QUANT_PAIR(i) b[i]
#include "lib/quant.glsl"

const uint kThreads = gl_WorkGroupSize.x;
const uint kTileRows = ROWS * (kThreads / ACROSS);
const uint kTileColumns = COLUMNS * ACROSS;           // in fours

shared vec4 tile_a[DEPTH * kTileRows];                // [k / 4][row], four k each
shared vec4 tile_b[4 * DEPTH * kTileColumns];         // [k][column], four columns each

#define LOAD(buffer_, format, index) (format == kF16 ? unpack_f16(buffer_[index]) \
    : format == kBF16 ? unpack_bf16(buffer_[index]) \
    : uintBitsToFloat(uvec4(buffer_[2 * (index)], buffer_[2 * (index) + 1])))

void fill(uint k, uint row0, uint column0) {
    [[unroll]] for (uint item = gl_LocalInvocationIndex; item < DEPTH * kTileRows;
                    item += kThreads) {
        uint k4 = item % DEPTH, row = item / DEPTH;
        vec4 value = vec4(0.0);
        if (k + k4 < depth) value = LOAD(a, A_FORMAT, min(row0 + row, rows - 1) * depth + k + k4);
        tile_a[k4 * kTileRows + row] = value;
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

void finish(uint row, uint column, vec4 sum) {
    if (row >= rows || column >= columns) return;
    uint at = row * columns + column;
    vec4 value = scale * sum;
    if (BIAS != 0) value += LOAD(bias, BIAS - 1, column);
    value = activate(ACTIVATION, value, 0.01);
    if (RESIDUAL == 1) value += LOAD(residual, D_FORMAT, at);
    if (RESIDUAL == 2) value += LOAD(residual, D_FORMAT, row / image_rows * columns + column);
    if (D_FORMAT != kF32) {
        d[at] = D_FORMAT == kF16 ? pack_f16(value) : pack_bf16(value);
    } else {
        uvec4 bits = floatBitsToUint(value);
        d[2 * at] = bits.xy;
        d[2 * at + 1] = bits.zw;
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
