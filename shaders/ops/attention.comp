#version 450
// Attention in one pass over the keys, for any device: a workgroup holds ROWS * 16 queries of a
// head, and blocks of 32 keys and values pass through shared memory. Loops stay loops where
// unrolling makes CPU drivers compile for minutes.
// Dao et al. FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness. 2022,
// algorithm 1; the running maximum and sum are Milakov and Gimelshein. Online Normalizer
// Calculation for Softmax. 2018.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/storage.glsl"

layout(local_size_x = 128) in;                       // 16 rows of 8
layout(constant_id = 0) const uint ROWS = 1;         // queries of an invocation
layout(constant_id = 1) const uint CHUNKS = 2;       // of the head size, 32 elements each
layout(constant_id = 2) const uint HALF = 0;         // q, k, v and y are f16

layout(set = 0, binding = 0) readonly buffer Q { uvec2 q[]; };
layout(set = 0, binding = 1) readonly buffer K { uvec2 k[]; };
layout(set = 0, binding = 2) readonly buffer V { uvec2 v[]; };
layout(set = 0, binding = 3) readonly buffer Bias { uint bias[]; };
layout(set = 0, binding = 4) writeonly buffer Y { uvec2 y[]; };

layout(push_constant) uniform Args {
    uint queries, keys, heads, width;                // width of a head, in fours
    uint bias_image, bias_head;                      // strides in elements, 0 to broadcast
    uint bias_kind;                                  // 0: none, 1: f32, 2: f16
    uint causal;
    float scale;
};

const uint kKeys = 32, kChunk = 8;                   // of a block; of a chunk, in fours
const uint kQueries = 16 * ROWS;
const float kLow = -1e30;
const uint kPitch = kKeys + 4;                        // of the weights

shared vec4 queries_tile[kQueries * kChunk];
shared vec4 keys_tile[kKeys * (kChunk + 1)];         // values later; padded against conflicts
shared float weights[kQueries * kPitch];

#define LOAD(buffer_, index) (HALF != 0 ? unpack_f16(buffer_[index]) \
    : uintBitsToFloat(uvec4(buffer_[2 * (index)], buffer_[2 * (index) + 1])))

uint thread, group_row, lane, head, image, first_query;

uint query_row(uint r) { return group_row + 16 * r; }

void fill_queries(uint chunk) {
    [[dont_unroll]] for (uint item = thread; item < kQueries * kChunk; item += 128) {
        uint row = first_query + item / kChunk, at = chunk * kChunk + item % kChunk;
        bool inside = row < queries && at < width;
        uint from = ((image * queries + row) * heads + head) * width + at;
        queries_tile[item] = inside ? LOAD(q, from) : vec4(0.0);
    }
}

void fill_keys(uint first, uint chunk, bool values) {
    [[dont_unroll]] for (uint item = thread; item < kKeys * kChunk; item += 128) {
        uint row = first + item / kChunk, at = chunk * kChunk + item % kChunk;
        vec4 value = vec4(0.0);
        if (row < keys && at < width) {
            uint from = ((image * keys + row) * heads + head) * width + at;
            if (values) value = LOAD(v, from);
            else value = LOAD(k, from);
        }
        keys_tile[item / kChunk * (kChunk + 1) + item % kChunk] = value;
    }
}

float masked(float score, uint row, uint key) {
    if (row >= queries || key >= keys || (causal != 0 && key > row)) return -1.0 / 0.0;
    score *= scale;
    if (bias_kind == 0) return score;
    uint at = image * bias_image + head * bias_head + row * keys + key;
    return score + (bias_kind == 2 ? half_of(bias[at / 2], at) : uintBitsToFloat(bias[at]));
}

// Scores of this block into `weights`.
void score(uint first) {
    float sum[ROWS][4];
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint i = 0; i < 4; i++) sum[r][i] = 0.0;
    [[dont_unroll]] for (uint chunk = 0; chunk < CHUNKS; chunk++) {
        barrier();
        fill_queries(chunk);
        fill_keys(first, chunk, false);
        barrier();
        [[dont_unroll]] for (uint c = 0; c < kChunk; c++) {
            vec4 left[ROWS];
            [[unroll]] for (uint r = 0; r < ROWS; r++)
                left[r] = queries_tile[query_row(r) * kChunk + c];
            [[unroll]] for (uint i = 0; i < 4; i++) {
                vec4 right = keys_tile[(lane + 8 * i) * (kChunk + 1) + c];
                [[unroll]] for (uint r = 0; r < ROWS; r++) sum[r][i] += dot(left[r], right);
            }
        }
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint i = 0; i < 4; i++) {
            uint key = lane + 8 * i, row = query_row(r);
            weights[row * kPitch + key] = masked(sum[r][i], first_query + row, first + key);
        }
}

void main() {
    thread = gl_LocalInvocationIndex;
    group_row = thread / 8, lane = thread % 8;
    first_query = gl_WorkGroupID.x * kQueries;
    head = gl_WorkGroupID.y % heads, image = gl_WorkGroupID.y / heads;
    vec4 acc[ROWS][CHUNKS];
    float high[ROWS], total[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        high[r] = kLow, total[r] = 0.0;
        [[unroll]] for (uint j = 0; j < CHUNKS; j++) acc[r][j] = vec4(0.0);
    }
    uint end = causal != 0 ? min(keys, first_query + kQueries) : keys;
    [[dont_unroll]] for (uint first = 0; first < end; first += kKeys) {
        score(first);
        barrier();
        float block_high[ROWS], rescale[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            block_high[r] = high[r];
            [[dont_unroll]] for (uint i = 0; i < kKeys; i++)
                block_high[r] = max(block_high[r], weights[query_row(r) * kPitch + i]);
            rescale[r] = exp(high[r] - block_high[r]);
            high[r] = block_high[r];
        }
        barrier();
        [[unroll]] for (uint r = 0; r < ROWS; r++)
            [[unroll]] for (uint i = 0; i < 4; i++) {
                uint at = query_row(r) * kPitch + lane + 8 * i;
                weights[at] = exp(weights[at] - high[r]);
            }
        [[unroll]] for (uint j = 0; j < CHUNKS; j++) {
            barrier();
            fill_keys(first, j, true);
            barrier();
            [[unroll]] for (uint r = 0; r < ROWS; r++) acc[r][j] *= rescale[r];
            [[dont_unroll]] for (uint i = 0; i < kKeys; i++) {
                vec4 value = keys_tile[i * (kChunk + 1) + lane];
                [[unroll]] for (uint r = 0; r < ROWS; r++)
                    acc[r][j] += weights[query_row(r) * kPitch + i] * value;
            }
        }
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            float sum = 0.0;
            [[dont_unroll]] for (uint i = 0; i < kKeys; i++)
                sum += weights[query_row(r) * kPitch + i];
            total[r] = total[r] * rescale[r] + sum;
        }
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        uint row = first_query + query_row(r);
        float inverse = total[r] > 0.0 ? 1.0 / total[r] : 0.0;
        [[unroll]] for (uint j = 0; j < CHUNKS; j++) {
            uint at = j * kChunk + lane;
            if (row >= queries || at >= width) continue;
            uint to = ((image * queries + row) * heads + head) * width + at;
            vec4 value = acc[r][j] * inverse;
            if (HALF != 0) {
                y[to] = pack_f16(value);
            } else {
                uvec4 bits = floatBitsToUint(value);
                y[2 * to] = bits.xy;
                y[2 * to + 1] = bits.zw;
            }
        }
    }
}
