#version 450
// Product of rows in signed bytes (quantise_rows.comp) with a quantised matrix B of 32-blocks
// without minima, by packed dot products: whole numbers within a block, f32 across blocks.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_spirv_intrinsics : require
#include "lib/product_quantised.glsl"

// OpSDotKHR of four signed bytes each: Debian 12's glslang does not know the GLSL extension.
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6018, 6019],
                  id = 4450)
int dot_packed(int left, int right, spirv_literal int format);

layout(local_size_x = 128, local_size_x_id = 0) in;
layout(constant_id = 6) const uint ROWS = 4;          // of an invocation
layout(constant_id = 7) const uint COLUMNS = 2;       // of an invocation, in fours
layout(constant_id = 8) const uint ACROSS = 8;        // invocations along the columns

layout(set = 0, binding = 0) readonly buffer A { uint a[]; };

const uint kThreads = gl_WorkGroupSize.x, kDepth = 8; // of a tile along K, in fours: a block
const uint kTileRows = ROWS * (kThreads / ACROSS);
const uint kTileColumns = COLUMNS * ACROSS;           // in fours

shared uint tile_a[kDepth * kTileRows];               // [k / 4][row]
shared uvec4 tile_b[kDepth * kTileColumns];           // [k / 4][column], a word a column
shared float scale_a[kTileRows];
shared vec4 scale_b[kTileColumns];

// Codes less their zero, byte by byte.
uvec4 centred(uvec4 codes) {
    uint zero = B_FORMAT == kQ8_0 ? 0u : uint(zero_code(B_FORMAT)) * 0x01010101u;
    return B_FORMAT == kQ8_0 ? codes ^ 0x80808080u : ((codes | 0x80808080u) - zero) ^ 0x80808080u;
}

void fill(uint k, uint row0, uint column0) {
    uint thread = gl_LocalInvocationIndex;
    [[unroll]] for (uint item = thread; item < kDepth * kTileRows; item += kThreads) {
        uint row = min(row0 + item / kDepth, rows - 1);
        tile_a[item % kDepth * kTileRows + item / kDepth] = a[row * depth + k + item % kDepth];
    }
    for (uint item = thread; item < kTileRows; item += kThreads)
        scale_a[item] = uintBitsToFloat(
            a[rows * depth + (min(row0 + item, rows - 1) * depth + k) / kDepth]);
    uint upper = 2 * scale_plane(B_FORMAT, depth, columns) + depth / kDepth * columns * 2;
    [[unroll]] for (uint item = thread; item < kDepth * kTileColumns; item += kThreads) {
        uint k4 = k + item / kTileColumns, column = min(column0 + item % kTileColumns, columns - 1);
        uint at = upper;
        tile_b[item] = centred(quant_codes(B_FORMAT, k4, column, depth, columns, at));
    }
    for (uint item = thread; item < kTileColumns; item += kThreads)
        scale_b[item] = unpack_f16(b[scale_plane(B_FORMAT, depth, columns) + k / kDepth * columns
                                     + min(column0 + item, columns - 1)]);
}

vec4 acc[ROWS][COLUMNS];

void multiply(uint row0, uint column0) {
    ivec4 sums[ROWS][COLUMNS];
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) sums[r][j] = ivec4(0);
    [[dont_unroll]] for (uint k4 = 0; k4 < kDepth; k4++) {
        int left[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++)
            left[r] = int(tile_a[k4 * kTileRows + row0 + r]);
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
            ivec4 right = ivec4(tile_b[k4 * kTileColumns + column0 + j * ACROSS]);
            [[unroll]] for (uint r = 0; r < ROWS; r++)
                [[unroll]] for (uint c = 0; c < 4; c++)
                    sums[r][j][c] += dot_packed(left[r], right[c], 0);
        }
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++)
            acc[r][j] += scale_a[row0 + r] * scale_b[column0 + j * ACROSS] * vec4(sums[r][j]);
}

void main() {
    uint thread = gl_LocalInvocationIndex;
    uint tile_row = gl_WorkGroupID.x * kTileRows, tile_column = gl_WorkGroupID.y * kTileColumns;
    uint row0 = thread / ACROSS * ROWS, column0 = thread % ACROSS;
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) acc[r][j] = vec4(0.0);
    for (uint k = 0; k < depth; k += kDepth) {
        fill(k, tile_row, tile_column);
        barrier();
        multiply(row0, column0);
        barrier();
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++)
            finish(tile_row + row0 + r, tile_column + column0 + j * ACROSS, acc[r][j]);
}
