#version 450
// Matrix product and convolution in f16 on the matrix units of subgroups: a tile of D for each
// workgroup, its share for each subgroup in f32 accumulators, A and B through shared memory.
// Markidis, Der Chien, Laure, Peng, Vetter. NVIDIA Tensor Core Programmability. 2018.
// requires: GL_KHR_cooperative_matrix
// variants: main:; quantised: QUANTISED
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#ifndef TWIN
#extension GL_KHR_cooperative_matrix : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#define WIDE                                            // A and B in eights; both are f16
#define FACTORS 6
#define FACTORS_CONSTANT 20
#include "lib/product_storage.glsl"

layout(local_size_x = 128, local_size_x_id = 0) in;
layout(constant_id = 8) const uint SUBGROUP = 32;       // invocations of a subgroup
layout(constant_id = 9) const uint ROWS = 64;           // of the workgroup's tile of D
layout(constant_id = 10) const uint COLUMNS = 64;
layout(constant_id = 11) const uint DEPTH = 32;         // of the tiles of A and B
layout(constant_id = 12) const uint SHARE_ROWS = 32;    // of a subgroup's share of the tile
layout(constant_id = 13) const uint SHARE_COLUMNS = 32;
layout(constant_id = 14) const uint M = 16;             // the shape that the device multiplies
layout(constant_id = 15) const uint N = 16;
layout(constant_id = 16) const uint K = 16;
layout(constant_id = 17) const uint TURNED = 0;         // B is transposed on its way into the tile
layout(constant_id = 18) const uint PLAIN = 0;          // row r of the product is pixel r of A
layout(constant_id = 19) const uint STATISTICS = 0;     // of D are wanted
layout(constant_id = 21) const uint ONE_IMAGE = 0;      // the rows of a tile are of one image
layout(constant_id = 22) const uint GATED = 0;          // of a share the second half is gates

layout(set = 0, binding = 5) writeonly buffer Statistics { vec4 statistics[]; };

#ifdef TWIN
void main() {}
#else
#ifdef QUANTISED
layout(set = 0, binding = 1) readonly buffer PairsB { uvec2 pairs_b[]; };
#endif
const uint kThreads = gl_WorkGroupSize.x;
const uint kAcross = COLUMNS / SHARE_COLUMNS, kShares = ROWS / SHARE_ROWS * kAcross;
const uint kHigh = SHARE_ROWS / M, kBroad = SHARE_COLUMNS / N;
const uint kGates = GATED != 0 ? kBroad / 2 : 0;        // from a matrix of values to its gates
const uint kOwn = kBroad - kGates, kTogether = SHARE_COLUMNS;
const uint kOut = (GATED != 0 ? 2 : 1) * M * N / 4;     // a subgroup's matrices in f32
const uint kOuts = kShares * kOut;
const uint kTile = kOuts + (STATISTICS != 0 ? ROWS / SHARE_ROWS * COLUMNS / 2 : 0);
const bool kStagesA = true, kStagesB = true;
#include "lib/moments.glsl"
#include "lib/stage.glsl"

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

// Those of the lanes at the same four columns, N / 4 lanes apart.
Moments over_lanes(Moments own) {
    [[unroll]] for (uint mask = N / 4; mask < SUBGROUP; mask *= 2)
        own = joined(own, Moments(subgroupShuffleXor(own.count, mask),
                                  subgroupShuffleXor(own.mean, mask),
                                  subgroupShuffleXor(own.squares, mask)));
    return own;
}

// Where those of a row of shares wait for the others.
uint moments_at(uint share_row, uint column) {
    return kOuts + 2 * (share_row * kOwnColumns / 4 + column);
}

void store_statistics(uint tile_row, uint tile_column) {
    for (uint column = gl_LocalInvocationIndex; column < kOwnColumns / 4;
         column += kThreads) {
        Moments all = kNoMoments;
        for (uint i = 0; i < ROWS / SHARE_ROWS; i++) {
            int count = clamp(int(rows - tile_row) - int(i * SHARE_ROWS), 0, int(SHARE_ROWS));
            all = joined(all, Moments(float(count), uintBitsToFloat(tile[moments_at(i, column)]),
                                      uintBitsToFloat(tile[moments_at(i, column) + 1])));
        }
        if (tile_column + column >= columns) continue;
        uint to = 2 * (gl_WorkGroupID.x * columns + tile_column + column);
        statistics[to] = all.mean;
        statistics[to + 1] = all.squares;
    }
}

// Of matrix c of a subgroup's row r: to shared memory at `out0`, behind it that of the gates.
void store_sums(uint r, uint c, uint out0) {
    coopMatStore(sum[r][c], tile, out0, N / 4, gl_CooperativeMatrixLayoutRowMajor);
    if (GATED != 0)
        coopMatStore(sum[r][c + kGates], tile, out0 + M * N / 4, N / 4,
                     gl_CooperativeMatrixLayoutRowMajor);
    subgroupBarrier();
}

// What becomes of item `i` of them, at (row, column) of D.
vec4 finish_item(uint i, uint row, uint column, uint d0, uint channel0) {
    vec4 value = uintBitsToFloat(tile[i]);
    if (GATED == 0) return finish(value, row, column, d0, channel0);
    return finish_gated(value, uintBitsToFloat(tile[i + M * N / 4]), row, column, d0);
}

void store_shares(uint share, uint tile_row, uint tile_column) {
    uint outer = gl_WorkGroupID.z / inner, index = gl_WorkGroupID.z % inner;
    uint d0 = base_d + outer * outer_d + index * inner_d, channel0 = index * inner_d;
    uint out0 = share * kOut, row0 = share / kAcross * SHARE_ROWS;
    uint column0 = share % kAcross * (kOwn * N);
    [[unroll]] for (uint c = 0; c < kOwn; c++) {
        Moments moments = kNoMoments;
        [[unroll]] for (uint r = 0; r < kHigh; r++) {
            store_sums(r, c, out0);
            for (uint item = gl_SubgroupInvocationID; item < M * N / 4; item += SUBGROUP) {
                uint row = tile_row + row0 + r * M + item / (N / 4);
                uint column = (tile_column + column0 + c * N) / 4 + item % (N / 4);
                vec4 value = finish_item(out0 + item, row, column, d0, channel0);
                if (STATISTICS != 0 && row < rows) moments = joined(moments, value);
            }
            subgroupBarrier();
        }
        if (STATISTICS == 0) continue;
        moments = over_lanes(moments);
        uint at = moments_at(share / kAcross, (column0 + c * N) / 4 + gl_SubgroupInvocationID);
        if (gl_SubgroupInvocationID < N / 4) {
            tile[at] = floatBitsToUint(moments.mean);
            tile[at + 1] = floatBitsToUint(moments.squares);
        }
    }
}

void main() {
    uint share = gl_SubgroupID;
    uint tile_row = gl_WorkGroupID.x * ROWS, tile_column = gl_WorkGroupID.y * kOwnColumns;
    uint outer = gl_WorkGroupID.z / inner, index = gl_WorkGroupID.z % inner;
    uint a0 = (base_a + outer * outer_a + index * inner_a) / 2;
    uint b0 = (base_b + outer * outer_b + index * inner_b) / 2;
    [[unroll]] for (uint r = 0; r < kHigh; r++)
        [[unroll]] for (uint c = 0; c < kBroad; c++)
            sum[r][c] = MATRIX(float, M, N, Accumulator)(0.0);

    uint row0 = share / kAcross * SHARE_ROWS, column0 = share % kAcross * SHARE_COLUMNS;
    uint depth = 4 * channels * tap_count();
    begin(tile_row);
    load_a(a0);
    load_b(b0, 0, depth, tile_column);
    for (uint k = 0; k < depth; k += DEPTH) {
        store_a();
        store_b();
        barrier();
        advance(kDepth, false);
        load_a(a0);                                     // the next tiles come while these multiply
        load_b(b0, k + DEPTH, depth, tile_column);
        multiply(row0, column0);
        barrier();
    }

    store_shares(share, tile_row, tile_column);
    if (STATISTICS == 0) return;
    barrier();
    store_statistics(tile_row, tile_column / 4);
}
#endif
