#version 450
// Attention in f16 on matrices as large as the tile of a workgroup, in one pass over the keys: the
// compiler spreads them over its invocations and reduces their rows. Queries, keys and values are
// loaded as tensors, which end with zeros.
// Dao. FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning. 2023,
// algorithm 1.
// Khronos and NVIDIA. VK_NV_cooperative_matrix2. 2024.
// requires: GL_KHR_cooperative_matrix GL_NV_cooperative_matrix2
// target: vulkan1.3
// variants: workgroup: SCOPE=gl_ScopeWorkgroup TENSORS; subgroup: SCOPE=gl_ScopeSubgroup
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#ifndef TWIN
#extension GL_KHR_cooperative_matrix : require
#extension GL_NV_cooperative_matrix2 : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_KHR_memory_scope_semantics : require
#endif
#define WIDE
#include "lib/attention_storage.glsl"

layout(local_size_x = 128, local_size_x_id = 0) in;
layout(constant_id = 6) const uint ROWS = 64;         // queries of the workgroup
layout(constant_id = 7) const uint KEYS = 64;         // of a block
layout(constant_id = 8) const uint COLUMNS = 64;      // of a head, with zeros

#ifdef TWIN
void main() {}
#else
layout(set = 0, binding = 0) readonly buffer HalfQ { float16_t half_q[]; };
layout(set = 0, binding = 1) readonly buffer HalfK { float16_t half_k[]; };
layout(set = 0, binding = 2) readonly buffer HalfV { float16_t half_v[]; };
layout(set = 0, binding = 4) writeonly buffer HalfY { float16_t half_y[]; };

#define MATRIX(type_, rows_, columns_, use_) \
    coopmat<type_, SCOPE, rows_, columns_, gl_MatrixUse##use_>
#define SCORES MATRIX(float, ROWS, KEYS, Accumulator)
#define SUMS MATRIX(float, ROWS, COLUMNS, Accumulator)

uint first_query, first_of_block;

float scaled(const in uint row, const in uint key, const in float score) {
    return masked(scale * kLog2E * score, first_query + row, first_of_block + key);
}
float power(const in uint row, const in uint key, const in float x) { return exp2(x); }
float larger_of(const in uint row, const in uint key, const in float a, const in float b) {
    return max(a, b);
}
float inverse_of(const in uint row, const in uint column, const in float total) {
    return total > 0.0 ? 1.0 / total : 0.0;
}
float larger(const in float a, const in float b) { return max(a, b); }
float sum_of(const in float a, const in float b) { return a + b; }
float either(const in float a, const in float b) { return a; }     // of equals

#ifdef TENSORS
#include "lib/tensors.glsl"
#define ROWS_OF(tensor_, first_, rows_) sliceTensorLayoutNV(tensor_, first_, rows_, 0, COLUMNS)
#else
const uint kThreads = gl_WorkGroupSize.x;
const uint kWidth = COLUMNS / 8, kPitch = kWidth + 1; // of rows in shared memory, in eights
shared uvec4 tile[(ROWS > KEYS ? ROWS : KEYS) * kPitch];

#define STAGE(load_, first_, rows_) \
    barrier(); \
    for (uint i = gl_LocalInvocationIndex; i < rows_ * kWidth; i += kThreads) \
        tile[i / kWidth * kPitch + i % kWidth] = load_(first_ + i / kWidth, i % kWidth); \
    barrier();

float stored(const in uint r, const in uint column, const in float value) {
    uint row = first_query + r;
    if (row < queries && column < 4 * WIDTH)
        half_y[((image_of() * queries + row) * heads + head_of()) * 4 * WIDTH + column] =
            float16_t(value);
    return value;
}
#endif

void main() {
    first_query = gl_WorkGroupID.x * ROWS;
    MATRIX(float16_t, ROWS, COLUMNS, A) left;
#ifdef TENSORS
    tensorViewNV<2, false, 1, 0> turn = createTensorViewNV(2, false, 1, 0);
    TENSOR_OF(edged_q, Constant, queries, 4 * WIDTH, 4 * pitch_q & ~7u)
    TENSOR_OF(edged_k, Constant, keys, 4 * WIDTH, 4 * pitch_k & ~7u)
    TENSOR_OF(edged_v, Constant, keys, 4 * WIDTH, 4 * pitch_v & ~7u)
    TENSOR_OF(whole_k, Undefined, keys, 4 * WIDTH, 4 * pitch_k & ~7u)
    TENSOR_OF(whole_v, Undefined, keys, 4 * WIDTH, 4 * pitch_v & ~7u)
    const uint first_k = 4 * key_at(0) & ~7u, first_v = 4 * value_at(0) & ~7u;
    coopMatLoadTensorNV(left, half_q, 4 * query_at(0) & ~7u, ROWS_OF(edged_q, first_query, ROWS));
#else
    STAGE(load_query, first_query, ROWS)
    coopMatLoad(left, tile, 0, kPitch, gl_CooperativeMatrixLayoutRowMajor);
#endif

    SCORES high = SCORES(kLow), total = SCORES(0.0);  // of each row; of its keys in each column
    SUMS sum = SUMS(0.0);
    uint end = end_key(first_query + ROWS - 1);
    for (uint first = 0; first < end; first += KEYS) {
        const bool within = first + KEYS <= keys;
        MATRIX(float16_t, COLUMNS, KEYS, B) right;
        MATRIX(float16_t, KEYS, COLUMNS, B) values;
#ifdef TENSORS
        if (within && COLUMNS == 4 * WIDTH) {
            coopMatLoadTensorNV(right, half_k, first_k, ROWS_OF(whole_k, first, KEYS), turn);
            coopMatLoadTensorNV(values, half_v, first_v, ROWS_OF(whole_v, first, KEYS));
        } else {
            coopMatLoadTensorNV(right, half_k, first_k, ROWS_OF(edged_k, first, KEYS), turn);
            coopMatLoadTensorNV(values, half_v, first_v, ROWS_OF(edged_v, first, KEYS));
        }
#else
        STAGE(load_key, first, KEYS)
        coopMatLoad(right, tile, 0, kPitch, gl_CooperativeMatrixLayoutColumnMajor);
        STAGE(load_value, first, KEYS)
        coopMatLoad(values, tile, 0, kPitch, gl_CooperativeMatrixLayoutRowMajor);
#endif
        SCORES weights = coopMatMulAdd(left, right, SCORES(0.0)), tops;
        first_of_block = first;
        if (within && BIAS == 0 && CAUSAL == 0) weights = weights * (scale * kLog2E);
        else coopMatPerElementNV(weights, weights, scaled);
        SCORES factor = high;
        coopMatReduceNV(tops, weights, gl_CooperativeMatrixReduceRowNV, larger);
        coopMatPerElementNV(high, high, larger_of, tops);
        factor = factor - high;
        coopMatPerElementNV(factor, factor, power);
        weights = weights - high;
        coopMatPerElementNV(weights, weights, power);
        total = total * factor + weights;

        SUMS broad;
        coopMatReduceNV(broad, factor, gl_CooperativeMatrixReduceRowNV, either);
        sum = coopMatMulAdd(MATRIX(float16_t, ROWS, KEYS, A)(weights), values, sum * broad);
    }

    SUMS totals;
    coopMatReduceNV(totals, total, gl_CooperativeMatrixReduceRowNV, sum_of);
    coopMatPerElementNV(totals, totals, inverse_of);
    sum = sum * totals;
#ifdef TENSORS
    TENSOR_OF(edged_y, Constant, queries, 4 * WIDTH, 4 * heads * WIDTH)
    uint first_y = 4 * (image_of() * queries * heads + head_of()) * WIDTH;
    coopMatStoreTensorNV(MATRIX(float16_t, ROWS, COLUMNS, Accumulator)(sum), half_y, first_y,
                         ROWS_OF(edged_y, first_query, ROWS));
#else
    coopMatPerElementNV(sum, sum, stored);
#endif
}
#endif
