#version 450
// Attention in f16 on the matrix units of subgroups, in one pass over the keys: a workgroup holds a
// tile of the queries of a head, blocks of KEYS keys and values pass through shared memory, and
// each subgroup sums weighted values in f32 for its share of the queries. Which invocation holds
// which element of a matrix is not known, so scores become weights in shared memory. The sums stay
// in registers: a matrix loaded with a stride of 0, every column of it the factors of the rows,
// rescales them element by element.
// Dao. FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning. 2023,
// algorithm 1.
// requires: GL_KHR_cooperative_matrix
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#ifndef TWIN
#extension GL_KHR_cooperative_matrix : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#define WIDE
#include "lib/attention_storage.glsl"

layout(local_size_x = 128, local_size_x_id = 0) in;
layout(constant_id = 6) const uint SUBGROUP = 32;     // invocations of a subgroup
layout(constant_id = 7) const uint ROWS = 64;         // queries of the workgroup
layout(constant_id = 8) const uint KEYS = 32;         // of a block
layout(constant_id = 9) const uint SHARE_ROWS = 16;   // queries of a subgroup
layout(constant_id = 10) const uint ACROSS = 1;       // subgroups that share them: they split keys,
                                                      // and the columns of the result
layout(constant_id = 11) const uint M = 16;           // the shape that the device multiplies
layout(constant_id = 12) const uint N = 16;
layout(constant_id = 13) const uint DEPTH = 16;
layout(constant_id = 14) const uint TURNED = 0;       // values are transposed into their tile

#ifdef TWIN
void main() {}
#else
const uint kThreads = gl_WorkGroupSize.x;
const uint kStep = DEPTH > N ? DEPTH : N;
const uint kWidth = (4 * WIDTH + kStep - 1) / kStep * kStep / 8;   // of a row with zeros, in eights
const uint kPitch = kWidth | 1;                       // odd, against bank conflicts
const uint kPitchV = TURNED != 0 ? KEYS / 8 + 1 : kPitch;
const uint kPitchS = KEYS / 4 + 1;                    // of scores in f32, and of weights in f16
const uint kTileK = ROWS * kPitch;                    // where tiles begin; that of queries at 0
const uint kTileV = kTileK + KEYS * kPitch;
const uint kTileS = kTileV + (TURNED != 0 ? 8 * kWidth : KEYS) * kPitchV;
const uint kScores = ROWS * kPitchS;
const uint kOuts = ROWS / SHARE_ROWS * ACROSS * M * N / 4;         // a matrix for each subgroup
const uint kLanes = kThreads / ROWS;                  // that make weights of a row
const uint kOwn = KEYS / 4 / kLanes;                  // fours of keys of each
const uint kItems = (TURNED != 0 ? KEYS / 2 : KEYS) * kWidth;      // loads of values
const uint kLoadsK = (KEYS * kWidth + kThreads - 1) / kThreads;
const uint kLoadsV = (kItems + kThreads - 1) / kThreads;
const uint kHigh = SHARE_ROWS / M, kAlong = KEYS / ACROSS / N;     // matrices of a share
const uint kColumns = 8 * kWidth / N, kBroad = (kColumns + ACROSS - 1) / ACROSS;

shared uvec4 tile[kTileS + (kScores > kOuts ? kScores : kOuts)];
shared float factors[ROWS];

uint thread, row, lane;                               // weights are of this row
uint first_query, row0, across;                       // sums are of the rows from row0 on
float high = kLow, total = 0.0;                       // of the row; of the own keys

uvec4 next_k[kLoadsK], next_v[kLoadsV], next_odd[kLoadsV];

void load_keys(uint first) {
    [[unroll]] for (uint i = 0; i < kLoadsK; i++) {
        uint item = thread + i * kThreads;
        next_k[i] = load_key(first + item / kWidth, item % kWidth);
    }
}
void store_keys() {
    [[unroll]] for (uint i = 0; i < kLoadsK; i++) {
        uint item = thread + i * kThreads;
        if (item < KEYS * kWidth) tile[kTileK + item / kWidth * kPitch + item % kWidth] = next_k[i];
    }
}

void load_values(uint first) {
    [[unroll]] for (uint i = 0; i < kLoadsV; i++) {
        uint item = thread + i * kThreads;
        if (TURNED == 0) {
            next_v[i] = load_value(first + item / kWidth, item % kWidth);
        } else {
            uint pair = first + 2 * (item % (KEYS / 2)), eight = item / (KEYS / 2);
            next_v[i] = load_value(pair, eight);
            next_odd[i] = load_value(pair + 1, eight);
        }
    }
}
void store_values() {
    [[unroll]] for (uint i = 0; i < kLoadsV; i++) {
        uint item = thread + i * kThreads;
        if (item >= kItems) continue;
        if (TURNED == 0) {
            tile[kTileV + item / kWidth * kPitch + item % kWidth] = next_v[i];
            continue;
        }
        uint pair = item % (KEYS / 2), column = item / (KEYS / 2) * 8;
        [[unroll]] for (uint j = 0; j < 8; j++) {
            uint low = next_v[i][j / 2] >> 16 * (j % 2) & 0xffffu;
            uint odd = next_odd[i][j / 2] >> 16 * (j % 2);
            tile[kTileV + (column + j) * kPitchV + pair / 4][pair % 4] = low | odd << 16;
        }
    }
}

#define MATRIX(type_, rows_, columns_, use_) \
    coopmat<type_, gl_ScopeSubgroup, rows_, columns_, gl_MatrixUse##use_>
#define SUMS MATRIX(float, M, N, Accumulator)
SUMS sum[kHigh][kBroad];

void score() {
    SUMS scores[kHigh][kAlong];
    uint key0 = across * kAlong * N;
    [[unroll]] for (uint r = 0; r < kHigh; r++)
        [[unroll]] for (uint c = 0; c < kAlong; c++) scores[r][c] = SUMS(0.0);
    [[unroll]] for (uint k = 0; k < kWidth; k += DEPTH / 8) {
        MATRIX(float16_t, M, DEPTH, A) left[kHigh];
        [[unroll]] for (uint r = 0; r < kHigh; r++)
            coopMatLoad(left[r], tile, (row0 + r * M) * kPitch + k, kPitch,
                        gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint c = 0; c < kAlong; c++) {
            MATRIX(float16_t, DEPTH, N, B) right;
            coopMatLoad(right, tile, kTileK + (key0 + c * N) * kPitch + k, kPitch,
                        gl_CooperativeMatrixLayoutColumnMajor);
            [[unroll]] for (uint r = 0; r < kHigh; r++)
                scores[r][c] = coopMatMulAdd(left[r], right, scores[r][c]);
        }
    }
    [[unroll]] for (uint r = 0; r < kHigh; r++)
        [[unroll]] for (uint c = 0; c < kAlong; c++)
            coopMatStore(scores[r][c], tile,
                         kTileS + (row0 + r * M) * kPitchS + (key0 + c * N) / 4, kPitchS,
                         gl_CooperativeMatrixLayoutRowMajor);
}

// Four i of the row that this invocation makes weights of; they come in pairs.
uint four_of(uint i) { return i / 2 * 2 * kLanes + 2 * lane + i % 2; }

// Scores become weights, in place: powers of two, relative to the largest score of the row so far.
void weigh(uint first) {
    const uint from = kTileS + row * kPitchS;
    const bool edge = BIAS != 0 || CAUSAL != 0 || first + KEYS > keys;
    vec4 own[kOwn];
    float top = high;
    [[unroll]] for (uint i = 0; i < kOwn; i++) {
        own[i] = scale * kLog2E * uintBitsToFloat(tile[from + four_of(i)]);
        if (edge)
            [[unroll]] for (uint n = 0; n < 4; n++)
                own[i][n] = masked(own[i][n], first_query + row, first + 4 * four_of(i) + n);
        top = max(top, max(max(own[i].x, own[i].y), max(own[i].z, own[i].w)));
    }
    [[unroll]] for (uint step = 1; step < kLanes; step *= 2)
        top = max(top, subgroupShuffleXor(top, step));
    float factor = exp2(high - top);
    high = top, total *= factor;
    if (lane == 0) factors[row] = factor;
    subgroupBarrier();
    [[unroll]] for (uint i = 0; i < kOwn; i += 2) {
        vec4 even = exp2(own[i] - top), odd = exp2(own[i + 1] - top);
        uvec4 bits = uvec4(packHalf2x16(even.xy), packHalf2x16(even.zw), packHalf2x16(odd.xy),
                           packHalf2x16(odd.zw));
        tile[from + four_of(i) / 2] = bits;
        // As they are multiplied, whichever way they were rounded.
        total += dot(unpack_f16(bits.xy) + unpack_f16(bits.zw), vec4(1.0));
    }
}

void add_values() {
    [[unroll]] for (uint r = 0; r < kHigh; r++) {
        SUMS factor;
        coopMatLoad(factor, factors, row0 + r * M, 0, gl_CooperativeMatrixLayoutColumnMajor);
        [[unroll]] for (uint c = 0; c < kBroad; c++) sum[r][c] = sum[r][c] * factor;
    }
    [[unroll]] for (uint k = 0; k < KEYS; k += DEPTH) {
        MATRIX(float16_t, M, DEPTH, A) left[kHigh];
        [[unroll]] for (uint r = 0; r < kHigh; r++)
            coopMatLoad(left[r], tile, kTileS + (row0 + r * M) * kPitchS + k / 8, kPitchS,
                        gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint c = 0; c < kBroad; c++) {
            uint column = c * ACROSS + across;
            if (kColumns % ACROSS != 0 && column >= kColumns) continue;
            MATRIX(float16_t, DEPTH, N, B) right;
            if (TURNED != 0)
                coopMatLoad(right, tile, kTileV + column * N * kPitchV + k / 8, kPitchV,
                            gl_CooperativeMatrixLayoutColumnMajor);
            else
                coopMatLoad(right, tile, kTileV + k * kPitch + column * N / 8, kPitch,
                            gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint r = 0; r < kHigh; r++)
                sum[r][c] = coopMatMulAdd(left[r], right, sum[r][c]);
        }
    }
}

void store_sums() {
    [[unroll]] for (uint step = 1; step < kLanes; step *= 2)
        total += subgroupShuffleXor(total, step);
    barrier();                                        // all are done with weights and factors
    if (lane == 0) {
        factors[row] = total;
        store_size(first_query + row, high, total);
    }
    barrier();
    uint out0 = kTileS + gl_SubgroupID * M * N / 4;
    [[unroll]] for (uint r = 0; r < kHigh; r++)
        [[unroll]] for (uint c = 0; c < kBroad; c++) {
            coopMatStore(sum[r][c], tile, out0, N / 4, gl_CooperativeMatrixLayoutRowMajor);
            subgroupBarrier();
            for (uint item = gl_SubgroupInvocationID; item < M * N / 4; item += SUBGROUP) {
                uint own = row0 + r * M + item / (N / 4);
                store(first_query + own, (c * ACROSS + across) * N / 4 + item % (N / 4),
                      uintBitsToFloat(tile[out0 + item]), factors[own]);
            }
            subgroupBarrier();
        }
}

void main() {
    thread = gl_SubgroupID * SUBGROUP + gl_SubgroupInvocationID;
    row = thread / kLanes, lane = thread % kLanes;
    first_query = gl_WorkGroupID.x * ROWS;
    row0 = gl_SubgroupID / ACROSS * SHARE_ROWS, across = gl_SubgroupID % ACROSS;
    [[unroll]] for (uint r = 0; r < kHigh; r++)
        [[unroll]] for (uint c = 0; c < kBroad; c++) sum[r][c] = SUMS(0.0);

    uint end = end_key(first_query + ROWS - 1);
    load_keys(first_key());
    for (uint i = thread; i < ROWS * kWidth; i += kThreads)
        tile[i / kWidth * kPitch + i % kWidth] = load_query(first_query + i / kWidth, i % kWidth);
    for (uint first = first_key(); first < end; first += KEYS) {
        store_keys();
        barrier();
        load_values(first);                           // they come while the scores are made
        score();
        if (ACROSS > 1) barrier();
        else subgroupBarrier();
        weigh(first);
        store_values();
        barrier();
        load_keys(first + KEYS);
        add_values();
    }
    store_sums();
}
#endif
