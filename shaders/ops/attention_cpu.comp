#version 450
// Attention in one pass over the keys for drivers that run on the CPU. A workgroup is one subgroup
// of eight lanes; each lane has ROWS queries to itself, so that maxima and sums need no exchange.
// The lanes load eight keys and values together through texel buffers, whose fetches such drivers
// vectorise, and each element goes round by broadcast.
// Dao. FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning. 2023,
// algorithm 1.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_ballot : require
#include "lib/attention.glsl"

layout(local_size_x = 8) in;
layout(constant_id = 0) const uint ROWS = 2;          // queries of a lane
layout(constant_id = 1) const uint WIDTH = 10;        // of a head, in fours
layout(constant_id = 2) const uint BIAS = 0;          // 0: none, else 1 + format
layout(constant_id = 3) const uint CAUSAL = 0;
layout(constant_id = 4) const uint HALF = 0;          // y is f16

layout(set = 0, binding = 0) uniform samplerBuffer q;
layout(set = 0, binding = 1) uniform samplerBuffer k;
layout(set = 0, binding = 2) uniform samplerBuffer v;
layout(set = 0, binding = 3) readonly buffer Bias { uint bias[]; };
layout(set = 0, binding = 4) writeonly buffer Y { uvec2 y[]; };

const uint kWidth = 4 * WIDTH;
// Scalars, each assigned once a step: drivers mask every assignment in a loop.
float query[kWidth][ROWS], sum[kWidth][ROWS], high[ROWS], total[ROWS];

#define EACH_LANE(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7)

// The scores of eight keys, of which each lane holds one.
void score(int at, out float weight[8][ROWS]) {
    [[unroll]] for (uint i = 0; i < 8; i++)
        [[unroll]] for (uint r = 0; r < ROWS; r++) weight[i][r] = 0.0;
    [[unroll]] for (uint c = 0; c < WIDTH; c++) {
        vec4 key = texelFetch(k, at + int(c));
        [[unroll]] for (uint i = 0; i < 4; i++) {
#define SCORE(lane) { \
            float element = subgroupBroadcast(key[i], lane); \
            [[unroll]] for (uint r = 0; r < ROWS; r++) \
                weight[lane][r] = fma(element, query[4 * c + i][r], weight[lane][r]); }
            EACH_LANE(SCORE)
        }
    }
}

// Adds eight values, of which each lane holds one, to the rescaled sums.
void add_values(int at, float weight[8][ROWS], float rescale[ROWS]) {
    [[unroll]] for (uint c = 0; c < WIDTH; c++) {
        vec4 value = texelFetch(v, at + int(c));
        [[unroll]] for (uint i = 0; i < 4; i++) {
            float next[ROWS];
            [[unroll]] for (uint r = 0; r < ROWS; r++) next[r] = rescale[r] * sum[4 * c + i][r];
#define ADD(lane) { \
            float element = subgroupBroadcast(value[i], lane); \
            [[unroll]] for (uint r = 0; r < ROWS; r++) \
                next[r] = fma(element, weight[lane][r], next[r]); }
            EACH_LANE(ADD)
            [[unroll]] for (uint r = 0; r < ROWS; r++) sum[4 * c + i][r] = next[r];
        }
    }
}

void main() {
    uint lane = gl_SubgroupInvocationID, head = gl_WorkGroupID.y % heads,
         image = gl_WorkGroupID.y / heads;
    uint first_row = gl_WorkGroupID.x * 8 * ROWS + lane;
    int keys0 = int(base_k + image * keys * pitch_k + head * WIDTH);
    int values0 = int(base_v + image * keys * pitch_v + head * WIDTH);
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        uint row = min(first_row + 8 * r, queries - 1);
        int from = int(base_q + (image * queries + row) * pitch_q + head * WIDTH);
        [[unroll]] for (int c = 0; c < WIDTH; c++) {
            vec4 four = scale * kLog2E * texelFetch(q, from + c);
            [[unroll]] for (uint i = 0; i < 4; i++)
                query[4 * c + i][r] = four[i], sum[4 * c + i][r] = 0.0;
        }
        high[r] = kLow, total[r] = 0.0;
    }

    uint end = CAUSAL != 0 ? min(keys, (gl_WorkGroupID.x + 1) * 8 * ROWS) : keys;
    for (uint first = 0; first < end; first += 8) {
        uint key = min(first + lane, keys - 1);
        int key_at = keys0 + int(key * pitch_k), value_at = values0 + int(key * pitch_v);
        float weight[8][ROWS], rescale[ROWS];
        score(key_at, weight);
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            uint row = min(first_row + 8 * r, queries - 1);
            float top = high[r];
            [[unroll]] for (uint i = 0; i < 8; i++) {
                bool seen = first + i < keys && (CAUSAL == 0 || first + i <= row);
                if (BIAS != 0) {
                    uint at = image * bias_image + head * bias_head + row * keys +
                              min(first + i, keys - 1);
                    weight[i][r] += kLog2E * (BIAS == 2 ? half_of(bias[at / 2], at)
                                                        : uintBitsToFloat(bias[at]));
                }
                weight[i][r] = seen ? weight[i][r] : kHidden;
                top = max(top, weight[i][r]);
            }
            rescale[r] = exp2(high[r] - top);
            high[r] = top;
            float all = total[r] * rescale[r];
            [[unroll]] for (uint i = 0; i < 8; i++) {
                weight[i][r] = exp2(weight[i][r] - top);
                all += weight[i][r];
            }
            total[r] = all;
        }
        add_values(value_at, weight, rescale);
    }

    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        uint row = first_row + 8 * r;
        if (row >= queries) continue;
        float inverse = total[r] > 0.0 ? 1.0 / total[r] : 0.0;
        uint to = ((image * queries + row) * heads + head) * WIDTH;
        [[unroll]] for (uint c = 0; c < WIDTH; c++) {
            vec4 value = vec4(sum[4 * c][r], sum[4 * c + 1][r], sum[4 * c + 2][r],
                              sum[4 * c + 3][r]) * inverse;
            if (HALF != 0) {
                y[to + c] = pack_f16(value);
            } else {
                uvec4 bits = floatBitsToUint(value);
                y[2 * (to + c)] = bits.xy;
                y[2 * (to + c) + 1] = bits.zw;
            }
        }
    }
}
