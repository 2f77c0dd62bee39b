#version 450
// Matrix product and convolution for any device: a tile of D for each workgroup, tiles of A and B
// in shared memory, and ROWS x COLUMNS four-vectors of D in the registers of each invocation.
// Volkov and Demmel. Benchmarking GPUs to Tune Dense Linear Algebra. 2008.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/product.glsl"

layout(local_size_x = 128, local_size_x_id = 0) in;
layout(constant_id = 1) const uint ROWS = 4;          // of an invocation
layout(constant_id = 2) const uint COLUMNS = 2;       // of an invocation, in fours
layout(constant_id = 3) const uint ACROSS = 8;        // invocations along the columns
layout(constant_id = 4) const uint A_HALF = 0;        // f16 storage
layout(constant_id = 5) const uint B_HALF = 0;
layout(constant_id = 6) const uint D_HALF = 0;
layout(constant_id = 7) const uint TRANSPOSED = 0;    // B is [columns, K]
layout(constant_id = 8) const uint BIAS = 0;          // 0: none, 1: f32, 2: f16
layout(constant_id = 9) const uint ACTIVATION = 0;
layout(constant_id = 10) const uint RESIDUAL = 0;     // kNone, kSame or kImage; stored as D is

layout(set = 0, binding = 0) readonly buffer A { uvec2 a[]; };
layout(set = 0, binding = 1) readonly buffer B { uvec2 b[]; };
layout(set = 0, binding = 2) readonly buffer Bias { uvec2 bias[]; };
layout(set = 0, binding = 3) readonly buffer Residual { uvec2 residual[]; };
layout(set = 0, binding = 4) writeonly buffer D { uvec2 d[]; };

const uint kDepth = 4;                                // of a tile along K, in fours
const uint kThreads = gl_WorkGroupSize.x;
const uint kTileRows = ROWS * (kThreads / ACROSS);
const uint kTileColumns = COLUMNS * ACROSS;           // in fours
const uint kLoadsA = (kTileRows * kDepth + kThreads - 1) / kThreads;
const uint kLoadsB = (kTileColumns * 4 * kDepth + kThreads - 1) / kThreads;

shared vec4 tile_a[kDepth * kTileRows];               // [k / 4][row], four k each
shared vec4 tile_b[4 * kDepth * kTileColumns];        // [k][column], four columns each

#define LOAD(buffer_, half_, index) (half_ ? unpack_f16(buffer_[index]) \
    : uintBitsToFloat(uvec4(buffer_[2 * (index)], buffer_[2 * (index) + 1])))

// Where an invocation stands along K while it loads A: a channel of a tap.
struct Cursor {
    uvec3 tap;
    uint channel;
};

void advance(inout Cursor at, uint by) {
    at.channel += by;
    while (at.channel >= channels) {
        at.channel -= channels;
        if (++at.tap.z < taps[2]) continue;
        at.tap.z = 0;
        if (++at.tap.y < taps[1]) continue;
        at.tap.y = 0;
        if (++at.tap.x >= taps[0]) break;             // past the end: the tile is filled with zeros
    }
}

vec4 load_a(Pixel pixel, Cursor at, uint base) {
    if (at.tap.x >= taps[0]) return vec4(0.0);
    int index = tap_of(pixel, at.tap);
    if (index < 0) return vec4(0.0);
    return LOAD(a, A_HALF != 0, base + uint(index) * pitch_a + at.channel);
}

// Fills tile_b with rows k.. of B; `depth` is K.
void fill_b(uint k, uint depth, uint column0, uint base) {
    uint thread = gl_LocalInvocationIndex;
    if (TRANSPOSED != 0) {                            // one item: four columns by four k
        for (uint item = thread; item < kTileColumns * kDepth; item += kThreads) {
            uint k4 = item % kDepth, column = item / kDepth;
            mat4 m = mat4(0.0);
            [[unroll]] for (uint q = 0; q < 4; q++)
                if (column0 + column < columns && k + 4 * k4 < depth) {
                    uint row = 4 * (column0 + column) + q;
                    m[q] = LOAD(b, B_HALF != 0, base + row * pitch_b + k / 4 + k4);
                }
            m = transpose(m);
            [[unroll]] for (uint q = 0; q < 4; q++)
                tile_b[(4 * k4 + q) * kTileColumns + column] = m[q];
        }
        return;
    }
    [[unroll]] for (uint i = 0; i < kLoadsB; i++) {
        uint item = thread + i * kThreads, row = item / kTileColumns, column = item % kTileColumns;
        vec4 value = vec4(0.0);
        if (k + row < depth && column0 + column < columns)
            value = LOAD(b, B_HALF != 0, base + (k + row) * pitch_b + column0 + column);
        if (row < 4 * kDepth) tile_b[item] = value;
    }
}

vec4 acc[ROWS][COLUMNS];

void multiply(uint row0, uint column0) {
    // CPU drivers compile for long as it is.
    [[dont_unroll]] for (uint k4 = 0; k4 < kDepth; k4++) {
        vec4 left[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++)
            left[r] = tile_a[k4 * kTileRows + row0 + r];
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
    uint outer = gl_WorkGroupID.z / inner, index = gl_WorkGroupID.z % inner;
    uint a0 = base_a + outer * outer_a + index * inner_a;
    uint b0 = base_b + outer * outer_b + index * inner_b;
    Cursor cursor = Cursor(uvec3(0), 0);
    advance(cursor, thread % kDepth);
    Pixel pixel[kLoadsA];
    [[unroll]] for (uint i = 0; i < kLoadsA; i++)
        pixel[i] = pixel_of(min(tile_row + (thread + i * kThreads) / kDepth, rows - 1));
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) acc[r][j] = vec4(0.0);

    uint row0 = thread / ACROSS * ROWS, column0 = thread % ACROSS;
    uint depth = 4 * channels * taps[0] * taps[1] * taps[2];
    for (uint k = 0; k < depth; k += 4 * kDepth) {
        [[unroll]] for (uint i = 0; i < kLoadsA; i++) {
            uint row = (thread + i * kThreads) / kDepth;
            if (row < kTileRows)
                tile_a[thread % kDepth * kTileRows + row] = load_a(pixel[i], cursor, a0);
        }
        fill_b(k, depth, tile_column, b0);
        barrier();
        multiply(row0, column0);
        barrier();
        advance(cursor, kDepth);
    }

    uint d0 = base_d + outer * outer_d + index * inner_d, channel0 = index * inner_d;
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        uint row = tile_row + row0 + r;
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
            uint column = tile_column + column0 + j * ACROSS;
            if (row >= rows || column >= columns) continue;
            uint at = d0 + row * pitch_d + column;
            vec4 value = alpha * acc[r][j];
            if (BIAS != 0) value += LOAD(bias, BIAS == 2, channel0 + column);
            value = activate(ACTIVATION, value, 0.01);
            if (RESIDUAL == kSame) value += LOAD(residual, D_HALF != 0, at);
            if (RESIDUAL == kImage)
                value += LOAD(residual, D_HALF != 0, image_row(row) + channel0 + column);
            if (D_HALF != 0) {
                d[at] = pack_f16(value);
            } else {
                uvec4 bits = floatBitsToUint(value);
                d[2 * at] = bits.xy;
                d[2 * at + 1] = bits.zw;
            }
        }
    }
}
