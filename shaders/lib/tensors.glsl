// Operands of a product as tensors, for kernels whose matrices are loaded from them and multiplied
// by workgroups (GL_NV_cooperative_matrix2). Macros, for the types of tensors are many. They name
// the variables of ops/matmul_matrix2.comp.
#ifndef KILN_TENSORS_GLSL
#define KILN_TENSORS_GLSL

// Zeros, or nothing stored, beyond the edges of a tensor; no look at them within.
#define TENSOR(clamp_) tensorLayoutNV<2, gl_CooperativeMatrixClampMode##clamp_##NV>
#define TENSOR_OF(tensor_, clamp_, rows_, columns_, pitch_) \
    TENSOR(clamp_) tensor_ = createTensorLayoutNV(2, gl_CooperativeMatrixClampMode##clamp_##NV); \
    tensor_ = setTensorLayoutDimensionNV(tensor_, rows_, columns_); \
    tensor_ = setTensorLayoutStrideNV(tensor_, pitch_, 1);

// A, and B, at k from tensors; pitches are multiples of eight.
#define LOAD_A(tensor_) coopMatLoadTensorNV(left, half_a, first_a, \
        sliceTensorLayoutNV(tensor_, tile_row, ROWS, k, DEPTH));
#define LOAD_B(tensor_, column_) \
    if (TRANSPOSED != 0) \
        coopMatLoadTensorNV(right, half_b, first_b + 4 * skipped_b(k), \
            sliceTensorLayoutNV(tensor_, column_, kOwnColumns, k, DEPTH), turn); \
    else \
        coopMatLoadTensorNV(right, half_b, first_b + 4 * skipped_b(k), \
            sliceTensorLayoutNV(tensor_, k, DEPTH, column_, kOwnColumns));
// Adds `left` times what is there of B.
#define MULTIPLY_TENSOR(tensor_) \
    LOAD_B(tensor_, tile_column) \
    sum = coopMatMulAdd(left, right, sum); \
    if (GATED != 0) { \
        LOAD_B(tensor_, 4 * columns + tile_column) \
        gate = coopMatMulAdd(left, right, gate); \
    }

#endif
