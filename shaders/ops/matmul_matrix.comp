#version 450
// Matrix product and convolution in f16 on the matrix units of subgroups: a tile of D for each
// workgroup, its share for each subgroup in f32 accumulators, A and B through shared memory.
// Markidis, Der Chien, Laure, Peng, Vetter. NVIDIA Tensor Core Programmability. 2018.
// requires: GL_KHR_cooperative_matrix
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#ifndef TWIN
#extension GL_KHR_cooperative_matrix : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#endif
#include "lib/product.glsl"

layout(local_size_x = 128, local_size_x_id = 0) in;
layout(constant_id = 1) const uint SUBGROUP = 32;       // invocations of a subgroup
layout(constant_id = 2) const uint ROWS = 64;           // of the workgroup's tile of D
layout(constant_id = 3) const uint COLUMNS = 64;
layout(constant_id = 4) const uint DEPTH = 32;          // of the tiles of A and B
layout(constant_id = 5) const uint SHARE_ROWS = 32;     // of a subgroup's share of the tile
layout(constant_id = 6) const uint SHARE_COLUMNS = 32;
layout(constant_id = 7) const uint M = 16;              // the shape that the device multiplies
layout(constant_id = 8) const uint N = 16;
layout(constant_id = 9) const uint K = 16;
layout(constant_id = 10) const uint TRANSPOSED = 0;     // B is [columns, K]
layout(constant_id = 11) const uint TURNED = 0;         // B is transposed on its way into the tile
layout(constant_id = 12) const uint PLAIN = 0;          // row r of the product is pixel r of A
layout(constant_id = 13) const uint D_HALF = 0;         // f16 storage
layout(constant_id = 14) const uint BIAS = 0;           // 0: none, 1: f32, 2: f16
layout(constant_id = 15) const uint ACTIVATION = 0;
layout(constant_id = 16) const uint RESIDUAL = 0;       // kNone, kSame or kImage; stored as D is

layout(set = 0, binding = 0) readonly buffer A { uvec4 a[]; };   // eight f16 each
layout(set = 0, binding = 1) readonly buffer B { uvec4 b[]; };
layout(set = 0, binding = 2) readonly buffer Bias { uvec2 bias[]; };
layout(set = 0, binding = 3) readonly buffer Residual { uvec2 residual[]; };
layout(set = 0, binding = 4) writeonly buffer D { uvec2 d[]; };

#ifdef TWIN
void main() {}
#else
const bool kByColumn = TRANSPOSED != 0 || TURNED != 0;  // tile_b is [column][k], else [k][column]
const uint kThreads = gl_WorkGroupSize.x;
const uint kDepth = DEPTH / 8, kWide = COLUMNS / 8;     // in eights
const uint kPitchA = kDepth + 1;                        // one more against conflicts of banks
const uint kPitchB = (kByColumn ? kDepth : kWide) + 1;
const uint kTileA = ROWS * kPitchA, kTileB = (kByColumn ? COLUMNS : DEPTH) * kPitchB;
const uint kAcross = COLUMNS / SHARE_COLUMNS, kShares = ROWS / SHARE_ROWS * kAcross;
const uint kOut = kShares * M * N / 4;                  // one matrix in f32 for each subgroup
const uint kLoadsA = (ROWS * kDepth + kThreads - 1) / kThreads;
const uint kPairs = (DEPTH / 2 * kWide + kThreads - 1) / kThreads;
const uint kLoadsB = TURNED != 0 ? 2 * kPairs : (COLUMNS * kDepth + kThreads - 1) / kThreads;
const uint kHigh = SHARE_ROWS / M, kBroad = SHARE_COLUMNS / N;

shared uvec4 tile[kTileA + kTileB > kOut ? kTileA + kTileB : kOut];

#define LOAD(buffer_, half_, index) (half_ ? unpack_f16(buffer_[index]) \
    : uintBitsToFloat(uvec4(buffer_[2 * (index)], buffer_[2 * (index) + 1])))

// Where an invocation stands along K while it loads A: eight channels of a tap.
struct Cursor {
    uvec3 tap;
    uint channel;
};
Cursor cursor = Cursor(uvec3(0), 0);
Pixel pixel[kLoadsA];
int source[kLoadsA];                                    // of `pixel` at the tap; negative: padding

void advance(uint by) {
    bool moved = by == 0;
    cursor.channel += by;
    while (cursor.channel >= channels / 2 && cursor.tap.x < taps(0)) {
        cursor.channel -= channels / 2;
        moved = true;
        if (++cursor.tap.z < taps(2)) continue;
        cursor.tap.z = 0;
        if (++cursor.tap.y < taps(1)) continue;
        cursor.tap.y = 0;
        cursor.tap.x++;                                 // at the end: the tile is filled with zeros
    }
    if (!moved || PLAIN != 0) return;
    [[unroll]] for (uint i = 0; i < kLoadsA; i++) source[i] = tap_of(pixel[i], cursor.tap);
}

uvec4 next_a[kLoadsA], next_b[kLoadsB];

void load_a(uint base) {
    [[unroll]] for (uint i = 0; i < kLoadsA; i++) {
        next_a[i] = uvec4(0);
        if (cursor.tap.x < taps(0) && source[i] >= 0)
            next_a[i] = a[base + uint(source[i]) * (pitch_a / 2) + cursor.channel];
    }
}

// The eight values of B that load i of this invocation brings, as (k, column); one is in eights.
uvec2 place_b(uint i) {
    uint item = gl_LocalInvocationIndex + i * kThreads;
    if (TRANSPOSED != 0) return uvec2(item % kDepth, item / kDepth);
    if (TURNED == 0) return uvec2(item / kWide, item % kWide);
    uint pair = gl_LocalInvocationIndex + i / 2 * kThreads;
    return uvec2(pair % (DEPTH / 2) * 2 + i % 2, pair / (DEPTH / 2));
}

void load_b(uint base, uint k, uint depth, uint column0) {
    [[unroll]] for (uint i = 0; i < kLoadsB; i++) {
        uvec2 at = place_b(i);
        next_b[i] = uvec4(0);
        if (TRANSPOSED != 0) {
            if (k + 8 * at.x < depth && column0 + at.y < 4 * columns && at.y < COLUMNS)
                next_b[i] = b[base + (column0 + at.y) * (pitch_b / 2) + k / 8 + at.x];
        } else if (k + at.x < depth && column0 + 8 * at.y < 4 * columns && at.y < kWide) {
            next_b[i] = b[base + (k + at.x) * (pitch_b / 2) + column0 / 8 + at.y];
        }
    }
}

// Two rows of B as eight columns of pairs.
void store_pairs(uvec4 even, uvec4 odd, uint pair, uint column8) {
    [[unroll]] for (uint j = 0; j < 8; j++) {
        uint low = even[j / 2] >> 16 * (j % 2) & 0xffffu, high = odd[j / 2] >> 16 * (j % 2);
        tile[kTileA + (8 * column8 + j) * kPitchB + pair / 4][pair % 4] = low | high << 16;
    }
}

void store_tiles() {
    [[unroll]] for (uint i = 0; i < kLoadsA; i++) {
        uint item = gl_LocalInvocationIndex + i * kThreads;
        if (item < ROWS * kDepth) tile[item / kDepth * kPitchA + item % kDepth] = next_a[i];
    }
    [[unroll]] for (uint i = 0; i < kLoadsB; i++) {
        uvec2 at = place_b(i);
        if (TRANSPOSED != 0) {
            if (at.y < COLUMNS) tile[kTileA + at.y * kPitchB + at.x] = next_b[i];
        } else if (TURNED == 0) {
            if (at.x < DEPTH) tile[kTileA + at.x * kPitchB + at.y] = next_b[i];
        } else if (i % 2 == 0 && at.y < kWide) {
            store_pairs(next_b[i], next_b[i + 1], at.x / 2, at.y);
        }
    }
}

#define MATRIX(type_, rows_, columns_, use_) \
    coopmat<type_, gl_ScopeSubgroup, rows_, columns_, gl_MatrixUse##use_>
MATRIX(float, M, N, Accumulator) sum[kHigh][kBroad];

void multiply(uint row0, uint column0) {
    [[unroll]] for (uint k = 0; k < DEPTH; k += K) {
        MATRIX(float16_t, M, K, A) left[kHigh];
        [[unroll]] for (uint r = 0; r < kHigh; r++)
            coopMatLoad(left[r], tile, (row0 + r * M) * kPitchA + k / 8, kPitchA,
                        gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint c = 0; c < kBroad; c++) {
            MATRIX(float16_t, K, N, B) right;
            uint column = column0 + c * N;
            if (kByColumn)
                coopMatLoad(right, tile, kTileA + column * kPitchB + k / 8, kPitchB,
                            gl_CooperativeMatrixLayoutColumnMajor);
            else
                coopMatLoad(right, tile, kTileA + k * kPitchB + column / 8, kPitchB,
                            gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint r = 0; r < kHigh; r++)
                sum[r][c] = coopMatMulAdd(left[r], right, sum[r][c]);
        }
    }
}

// `column` in fours; `at` is the place of `value` in D.
void finish(vec4 value, uint row, uint column, uint at, uint channel0) {
    value *= alpha;
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

void main() {
    uint thread = gl_LocalInvocationIndex, share = thread / SUBGROUP, lane = thread % SUBGROUP;
    uint tile_row = gl_WorkGroupID.x * ROWS, tile_column = gl_WorkGroupID.y * COLUMNS;
    uint outer = gl_WorkGroupID.z / inner, index = gl_WorkGroupID.z % inner;
    uint a0 = (base_a + outer * outer_a + index * inner_a) / 2;
    uint b0 = (base_b + outer * outer_b + index * inner_b) / 2;
    [[unroll]] for (uint i = 0; i < kLoadsA; i++) {
        uint row = min(tile_row + (thread + i * kThreads) / kDepth, rows - 1);
        source[i] = int(row);
        if (PLAIN == 0) pixel[i] = pixel_of(row);
    }
    [[unroll]] for (uint r = 0; r < kHigh; r++)
        [[unroll]] for (uint c = 0; c < kBroad; c++)
            sum[r][c] = MATRIX(float, M, N, Accumulator)(0.0);

    uint row0 = share / kAcross * SHARE_ROWS, column0 = share % kAcross * SHARE_COLUMNS;
    uint depth = 4 * channels * tap_count();
    advance(0);
    advance(thread % kDepth);
    load_a(a0);
    load_b(b0, 0, depth, tile_column);
    for (uint k = 0; k < depth; k += DEPTH) {
        store_tiles();
        barrier();
        advance(kDepth);
        load_a(a0);                                     // the next tiles come while these multiply
        load_b(b0, k + DEPTH, depth, tile_column);
        multiply(row0, column0);
        barrier();
    }

    uint d0 = base_d + outer * outer_d + index * inner_d, channel0 = index * inner_d;
    uint out0 = share * M * N / 4;
    [[unroll]] for (uint r = 0; r < kHigh; r++)
        [[unroll]] for (uint c = 0; c < kBroad; c++) {
            coopMatStore(sum[r][c], tile, out0, N / 4, gl_CooperativeMatrixLayoutRowMajor);
            subgroupBarrier();
            for (uint item = lane; item < M * N / 4; item += SUBGROUP) {
                uint row = tile_row + row0 + r * M + item / (N / 4);
                uint column = (tile_column + column0 + c * N) / 4 + item % (N / 4);
                if (row < rows && column < columns)
                    finish(uintBitsToFloat(tile[out0 + item]), row, column,
                           d0 + row * pitch_d + column, channel0);
            }
            subgroupBarrier();
        }
}
#endif
