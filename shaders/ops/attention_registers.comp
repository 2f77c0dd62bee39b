#version 450
// Attention in one pass over the keys for GPUs whose shared memory is no faster than their cache:
// no barrier. ACROSS neighbours in a subgroup share ROWS queries: they split the keys of a block
// for the scores and the columns of the result; weights go between them by shuffle.
// Dao. FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning. 2023,
// algorithm 1.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "lib/attention_storage.glsl"

layout(local_size_x = 64, local_size_x_id = 0) in;
layout(constant_id = 6) const uint ROWS = 2;          // queries of an invocation
layout(constant_id = 7) const uint ACROSS = 8;        // invocations that share them
layout(constant_id = 8) const uint OWN = 2;           // keys of an invocation at a time
layout(constant_id = 9) const uint COLUMNS = 2;       // of the result, of an invocation, in fours

const uint kKeys = OWN * ACROSS;                      // of a block

float own[ROWS][OWN];                                 // scores, then weights
vec4 sum[ROWS][COLUMNS];

float over_neighbours_max(float v) {
    [[unroll]] for (uint step = 1; step < ACROSS; step *= 2)
        v = max(v, subgroupShuffleXor(v, step));
    return v;
}

float over_neighbours_sum(float v) {
    [[unroll]] for (uint step = 1; step < ACROSS; step *= 2) v += subgroupShuffleXor(v, step);
    return v;
}

void score(uint row0, uint key0) {
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint i = 0; i < OWN; i++) own[r][i] = 0.0;
    [[dont_unroll]] for (uint c = 0; c < WIDTH; c++) {
        vec4 left[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++) left[r] = load_query(row0 + r, c);
        [[unroll]] for (uint i = 0; i < OWN; i++) {
            vec4 right = load_key(key0 + ACROSS * i, c);
            [[unroll]] for (uint r = 0; r < ROWS; r++) own[r][i] += dot(left[r], right);
        }
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint i = 0; i < OWN; i++)
            own[r][i] = masked(own[r][i], row0 + r, key0 + ACROSS * i);
}

void add_values(uint first, uint lane, uint neighbours) {
    [[unroll]] for (uint i = 0; i < OWN; i++)
        [[dont_unroll]] for (uint n = 0; n < ACROSS; n++) {
            vec4 value[COLUMNS];
            [[unroll]] for (uint j = 0; j < COLUMNS; j++)
                value[j] = load_value(first + ACROSS * i + n, lane + ACROSS * j);
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                float weight = subgroupShuffle(own[r][i], neighbours + n);
                [[unroll]] for (uint j = 0; j < COLUMNS; j++)
                    sum[r][j] = fma(vec4(weight), value[j], sum[r][j]);
            }
        }
}

void main() {
    uint lane = gl_SubgroupInvocationID % ACROSS, neighbours = gl_SubgroupInvocationID - lane;
    uint down = (gl_SubgroupID * gl_SubgroupSize + gl_SubgroupInvocationID) / ACROSS;
    uint first_query = gl_WorkGroupID.x * ROWS * (gl_WorkGroupSize.x / ACROSS);
    uint row0 = first_query + ROWS * down;
    float high[ROWS], total[ROWS];                    // the total of the own keys
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        high[r] = kLow, total[r] = 0.0;
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) sum[r][j] = vec4(0.0);
    }
    uint end = end_key(first_query + ROWS * (gl_WorkGroupSize.x / ACROSS) - 1);
    [[dont_unroll]] for (uint first = first_key(); first < end; first += kKeys) {
        score(row0, first + lane);
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            float top = high[r];
            [[unroll]] for (uint i = 0; i < OWN; i++) top = max(top, own[r][i]);
            top = over_neighbours_max(top);
            float rescale = exp2(high[r] - top);
            high[r] = top;
            total[r] *= rescale;
            [[unroll]] for (uint j = 0; j < COLUMNS; j++) sum[r][j] *= rescale;
            [[unroll]] for (uint i = 0; i < OWN; i++) {
                own[r][i] = exp2(own[r][i] - top);
                total[r] += own[r][i];
            }
        }
        add_values(first, lane, neighbours);
    }

    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        float all = over_neighbours_sum(total[r]);
        [[unroll]] for (uint j = 0; j < COLUMNS; j++)
            store(row0 + r, lane + ACROSS * j, sum[r][j], all);
        if (lane == 0) store_size(row0 + r, high[r], all);
    }
}
