#version 450
// Attention in one pass over the keys, for any device: a workgroup holds a tile of the queries of a
// head, and blocks of KEYS keys and values pass through shared memory. ACROSS invocations share
// ROWS queries: they split the keys of a block for the scores and the columns of the result. Loops
// stay loops where unrolling makes CPU drivers compile for minutes.
// Dao. FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning. 2023,
// algorithm 1.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/attention_storage.glsl"

layout(local_size_x = 128, local_size_x_id = 0) in;
layout(constant_id = 6) const uint ROWS = 2;          // queries of an invocation
layout(constant_id = 7) const uint ACROSS = 8;        // invocations that share them
layout(constant_id = 8) const uint CHUNK = 8;   // of a head at a time for the scores, in fours
layout(constant_id = 9) const uint COLUMNS = 2;       // of the result, of an invocation, in fours
layout(constant_id = 10) const uint AT_ONCE = 1;      // of those, in shared memory at a time

const uint kKeys = 32;                                // of a block
const uint kThreads = gl_WorkGroupSize.x;
const uint kDown = kThreads / ACROSS;
const uint kQueries = ROWS * kDown;
const uint kOwn = kKeys / ACROSS;                     // keys of an invocation
const uint kPitch = CHUNK | 1;                        // odd, against bank conflicts
const uint kValues = AT_ONCE * ACROSS;                // of a row of values, in fours
const uint kTile = kKeys * (kPitch > kValues ? kPitch : kValues);
const uint kWeights = kKeys + 4;                      // of a row

shared vec4 tile_q[kQueries * kPitch];
shared vec4 tile[kTile];                              // of keys, then of values
shared float weights[kQueries * kWeights];
shared float tops[kQueries * ACROSS];

uint thread, down, lane, first_query;

uint local_row(uint r) { return down + r * kDown; }

float own[ROWS][kOwn];                                // scores, then weights

void score(uint first) {
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint i = 0; i < kOwn; i++) own[r][i] = 0.0;
    [[dont_unroll]] for (uint chunk = 0; chunk < WIDTH; chunk += CHUNK) {
        barrier();
        [[dont_unroll]] for (uint i = thread; i < kQueries * CHUNK; i += kThreads)
            tile_q[i / CHUNK * kPitch + i % CHUNK] =
                load_query(first_query + i / CHUNK, chunk + i % CHUNK);
        [[dont_unroll]] for (uint i = thread; i < kKeys * CHUNK; i += kThreads)
            tile[i / CHUNK * kPitch + i % CHUNK] = load_key(first + i / CHUNK, chunk + i % CHUNK);
        barrier();
        [[dont_unroll]] for (uint c = 0; c < CHUNK; c++) {
            vec4 left[ROWS];
            [[unroll]] for (uint r = 0; r < ROWS; r++) left[r] = tile_q[local_row(r) * kPitch + c];
            [[unroll]] for (uint i = 0; i < kOwn; i++) {
                vec4 right = tile[(lane + ACROSS * i) * kPitch + c];
                [[unroll]] for (uint r = 0; r < ROWS; r++) own[r][i] += dot(left[r], right);
            }
        }
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint i = 0; i < kOwn; i++)
            own[r][i] = masked(own[r][i], first_query + local_row(r), first + lane + ACROSS * i);
}

// The largest score of each row so far, over the invocations that share it; within a barrier.
void raise(inout float high[ROWS]) {
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        float top = high[r];
        [[unroll]] for (uint i = 0; i < kOwn; i++) top = max(top, own[r][i]);
        tops[local_row(r) * ACROSS + lane] = top;
    }
    barrier();
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint i = 0; i < ACROSS; i++)
            high[r] = max(high[r], tops[local_row(r) * ACROSS + i]);
}

vec4 sum[ROWS][COLUMNS];

void add_values(uint first) {
    [[unroll]] for (uint j0 = 0; j0 < COLUMNS; j0 += AT_ONCE) {
        if (j0 > 0) barrier();
        [[dont_unroll]] for (uint i = thread; i < kKeys * kValues; i += kThreads)
            tile[i] = load_value(first + i / kValues, j0 * ACROSS + i % kValues);
        barrier();
        [[dont_unroll]] for (uint i = 0; i < kKeys; i += 4) {
            vec4 weight[ROWS];
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                uint at = local_row(r) * kWeights + i;
                weight[r] = vec4(weights[at], weights[at + 1], weights[at + 2], weights[at + 3]);
            }
            [[unroll]] for (uint j = 0; j < AT_ONCE && j0 + j < COLUMNS; j++)
                [[unroll]] for (uint n = 0; n < 4; n++) {
                    vec4 value = tile[(i + n) * kValues + j * ACROSS + lane];
                    [[unroll]] for (uint r = 0; r < ROWS; r++)
                        sum[r][j0 + j] = fma(vec4(weight[r][n]), value, sum[r][j0 + j]);
                }
        }
    }
}

void main() {
    thread = gl_LocalInvocationIndex, down = thread / ACROSS, lane = thread % ACROSS;
    first_query = gl_WorkGroupID.x * kQueries;
    float high[ROWS], total[ROWS];                    // the total of the own keys
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        high[r] = kLow, total[r] = 0.0;
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) sum[r][j] = vec4(0.0);
    }
    uint end = end_key(first_query + kQueries - 1);
    [[dont_unroll]] for (uint first = first_key(); first < end; first += kKeys) {
        float before[ROWS];
        score(first);
        [[unroll]] for (uint r = 0; r < ROWS; r++) before[r] = high[r];
        raise(high);
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            float rescale = exp2(before[r] - high[r]);
            total[r] *= rescale;
            [[unroll]] for (uint j = 0; j < COLUMNS; j++) sum[r][j] *= rescale;
            [[unroll]] for (uint i = 0; i < kOwn; i++) {
                own[r][i] = exp2(own[r][i] - high[r]);
                total[r] += own[r][i];
                weights[local_row(r) * kWeights + lane + ACROSS * i] = own[r][i];
            }
        }
        add_values(first);
    }

    barrier();
    [[unroll]] for (uint r = 0; r < ROWS; r++) tops[local_row(r) * ACROSS + lane] = total[r];
    barrier();
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        uint row = first_query + local_row(r);
        float all = 0.0;
        [[unroll]] for (uint i = 0; i < ACROSS; i++) all += tops[local_row(r) * ACROSS + i];
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) store(row, lane + ACROSS * j, sum[r][j], all);
        if (lane == 0) store_size(row, high[r], all);
    }
}
