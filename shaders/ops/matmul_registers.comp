#version 450
// Matrix product and convolution for GPUs whose shared memory is no faster than their cache: ROWS x
// COLUMNS four-vectors of D in the registers of each invocation, and no barrier.
// Volkov and Demmel. Benchmarking GPUs to Tune Dense Linear Algebra. 2008, section 4.
// variants: main:; wide: WIDE
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#define FACTORS 5
#define FACTORS_CONSTANT 11
#include "lib/product_storage.glsl"

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 8) const uint ROWS = 4;          // of an invocation
layout(constant_id = 9) const uint COLUMNS = 2;       // of an invocation, in fours
layout(constant_id = 10) const uint ACROSS = 8;       // invocations along the columns
layout(constant_id = 12) const uint GATED = 0;        // the second half of COLUMNS are gates

const uint kItems = COLUMNS / kItem;                  // of an invocation, in a row of B
const uint kOwn = GATED != 0 ? kItems / 2 : kItems;   // those of values of D

vec4 acc[ROWS][COLUMNS];

// Adds the rows of `left`, four channels each, times four rows of B that begin at `at`.
void multiply(vec4 left[ROWS], uint at[kItems]) {
    [[unroll]] for (uint q = 0; q < 4; q++)
        [[unroll]] for (uint i = 0; i < kItems; i++) {
            Item right = fetch_b(at[i] + q * pitch_b);
            [[unroll]] for (uint r = 0; r < ROWS; r++)
                [[unroll]] for (uint f = 0; f < kItem; f++)
                    acc[r][i * kItem + f] = fma(vec4(left[r][q]), four_of(right, B_FORMAT, f),
                                                acc[r][i * kItem + f]);
        }
}

// The same where B is transposed: an item of each of its rows, times that of each row of A.
void multiply_transposed(Item left[ROWS], uint at[kItems]) {
    [[unroll]] for (uint c = 0; c < 4 * COLUMNS; c++) {
        Item right = fetch_b(at[c / 4 / kItem] + c % (4 * kItem) * pitch_b);
        [[unroll]] for (uint r = 0; r < ROWS; r++)
            [[unroll]] for (uint f = 0; f < kItem; f++)
                acc[r][c / 4][c % 4] += dot(four_of(left[r], A_FORMAT, f),
                                            four_of(right, B_FORMAT, f));
    }
}

// One tap: all its channels of A at `source`, a row's pixel or negative in the padding.
void multiply_tap(uint base, Pixel pixel[ROWS], int source[ROWS], inout uint at[kItems]) {
    for (uint k = 0; k < channels; k += kItem) {
        Item left[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            left[r] = fetch_a(base + uint(max(source[r], 0)) * pitch_a + k);
            if (source[r] < 0) left[r] = kZeros;
        }
        if (TRANSPOSED != 0) multiply_transposed(left, at);
        [[unroll]] for (uint f = 0; f < kItem && TRANSPOSED == 0; f++) {
            vec4 row[ROWS];
            uint from[kItems];
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                row[r] = four_of(left[r], A_FORMAT, f);
                if (NORMALISED != 0 && source[r] >= 0)
                    row[r] = normalise(row[r], pixel[r].image, k + f);
            }
            [[unroll]] for (uint i = 0; i < kItems; i++) from[i] = at[i] + 4 * f * pitch_b;
            multiply(row, from);
        }
        [[unroll]] for (uint i = 0; i < kItems; i++)
            at[i] += TRANSPOSED != 0 ? kItem : 4 * kItem * pitch_b;
    }
}

void main() {
    uint thread = gl_LocalInvocationIndex, down = gl_WorkGroupSize.x / ACROSS;
    uint row0 = (gl_WorkGroupID.x * down + thread / ACROSS) * ROWS;
    uint column0 = (gl_WorkGroupID.y * kOwn * ACROSS + thread % ACROSS) * kItem;
    uint outer = gl_WorkGroupID.z / inner, index = gl_WorkGroupID.z % inner;
    uint a0 = base_a + outer * outer_a + index * inner_a;
    uint b0 = base_b + outer * outer_b + index * inner_b;
    Pixel pixel[ROWS];
    uint at[kItems];
    [[unroll]] for (uint r = 0; r < ROWS; r++) pixel[r] = pixel_of(min(row0 + r, rows - 1));
    [[unroll]] for (uint i = 0; i < kItems; i++) {
        uint column = min(column0 + i % kOwn * kItem * ACROSS, columns - kItem);
        at[i] = b0 + (TRANSPOSED != 0 ? 4 * column * pitch_b : column + i / kOwn * columns);
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) acc[r][j] = vec4(0.0);

    for (uint z = 0; z < taps(0); z++)
    for (uint y = 0; y < taps(1); y++)
    for (uint x = 0; x < taps(2); x++) {
        int source[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++) source[r] = tap_of(pixel[r], uvec3(z, y, x));
        multiply_tap(a0, pixel, source, at);
        [[unroll]] for (uint i = 0; i < kItems; i++) at[i] += skip_b;
    }

    uint d0 = base_d + outer * outer_d + index * inner_d, channel0 = index * inner_d;
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint j = 0; j < kOwn * kItem; j++) {
            uint column = column0 + j / kItem * kItem * ACROSS + j % kItem;
            if (GATED != 0)
                finish_gated(acc[r][j], acc[r][(j + kOwn * kItem) % COLUMNS], row0 + r, column, d0);
            else
                finish(acc[r][j], row0 + r, column, d0, channel0);
        }
}
