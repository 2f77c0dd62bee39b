#version 450
// Softmax of attention scores in place, for drivers that run on the CPU: a subgroup a row, which
// reads through a texel view of the memory that it writes. Columns beyond `keys` become zero.
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#include "lib/storage.glsl"

layout(local_size_x = 8) in;
layout(set = 0, binding = 0) uniform samplerBuffer scores;
layout(set = 0, binding = 1) readonly buffer Bias { uint bias[]; };
layout(set = 0, binding = 2) writeonly buffer Weights { vec4 weights[]; };

layout(push_constant) uniform Args {
    uint rows, keys, pitch;                          // rows of a head here; pitch in fours
    uint first_query, first_head;                    // where these rows lie among all
    uint bias_kind;                                  // 0: none, 1: f32, 2: f16
    uint bias_image, bias_head;                      // where the image begins; the stride of a head
    uint causal;
};

vec4 score(uint row, uint column) {
    vec4 value = texelFetch(scores, int((gl_WorkGroupID.y * rows + row) * pitch + column));
    uint query = first_query + row, end = causal != 0 ? min(keys, query + 1) : keys;
    uvec4 key = 4 * column + uvec4(0, 1, 2, 3);
    if (bias_kind != 0) {
        uint from = bias_image + (first_head + gl_WorkGroupID.y) * bias_head + query * keys;
        for (uint i = 0; i < 4; i++) {
            uint at = from + min(key[i], keys - 1);
            value[i] += bias_kind == 2 ? half_of(bias[at / 2], at) : uintBitsToFloat(bias[at]);
        }
    }
    return mix(vec4(-1e38), value, lessThan(key, uvec4(end)));
}

void main() {
    uint row = gl_WorkGroupID.x, lane = gl_SubgroupInvocationID;
    vec4 high = vec4(-1e30);
    for (uint c = lane; c < pitch; c += 8) high = max(high, score(row, c));
    float top = subgroupMax(max(max(high.x, high.y), max(high.z, high.w)));
    vec4 sums = vec4(0.0);
    for (uint c = lane; c < pitch; c += 8) sums += exp(score(row, c) - top);
    float sum = subgroupAdd(sums.x + sums.y + sums.z + sums.w);
    float inverse = sum > 0.0 ? 1.0 / sum : 0.0;
    for (uint c = lane; c < pitch; c += 8)
        weights[(gl_WorkGroupID.y * rows + row) * pitch + c] = exp(score(row, c) - top) * inverse;
}
