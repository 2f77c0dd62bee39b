#version 450
// Products of cooperative matrices of f16, summed in f32 in registers: what a device's matrix units
// give to a kernel. Two by two products of [M, K] and [K, N] in turn, by each subgroup.
// requires: GL_KHR_cooperative_matrix
#extension GL_EXT_control_flow_attributes : require
#ifndef TWIN
#extension GL_KHR_cooperative_matrix : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_KHR_memory_scope_semantics : require
#define STORED float16_t
#else
#define STORED uint
#endif

layout(local_size_x = 128, local_size_x_id = 0) in;
layout(constant_id = 1) const uint SUBGROUP = 32;
layout(constant_id = 2) const uint M = 16;
layout(constant_id = 3) const uint N = 16;
layout(constant_id = 4) const uint K = 16;
layout(set = 0, binding = 0) readonly buffer A { STORED a[]; };   // 2 [M, K]
layout(set = 0, binding = 1) readonly buffer B { STORED b[]; };   // 2 [K, N]
layout(set = 0, binding = 2) writeonly buffer D { float d[]; };   // [M, N] a subgroup
layout(push_constant) uniform Args { uint rounds; } args;

#ifdef TWIN
void main() {}
#else
void main() {
    coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> left[2];
    coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> right[2];
    coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sum[4];
    [[unroll]] for (uint i = 0; i < 2; i++) {
        coopMatLoad(left[i], a, i * M * K, K, gl_CooperativeMatrixLayoutRowMajor);
        coopMatLoad(right[i], b, i * K * N, N, gl_CooperativeMatrixLayoutRowMajor);
    }
    [[unroll]] for (uint i = 0; i < 4; i++)
        sum[i] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(float(i));
    for (uint r = 0; r < args.rounds; r++)
        [[unroll]] for (uint i = 0; i < 4; i++)
            sum[i] = coopMatMulAdd(left[i / 2], right[i % 2], sum[i]);
    uint subgroup = gl_GlobalInvocationID.x / SUBGROUP;
    coopMatStore(sum[0] + sum[1] + sum[2] + sum[3], d, subgroup * M * N, N,
                 gl_CooperativeMatrixLayoutRowMajor);
}
#endif
