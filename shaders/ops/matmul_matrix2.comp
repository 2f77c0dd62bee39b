#version 450
// Matrix product and convolution in f16 on matrices as large as the tile of a workgroup: the
// compiler spreads them over its invocations. Operands whose rows lie in memory as they multiply
// are loaded as tensors; the pixels of a convolution go through shared memory.
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
#define SCALAR                                          // the epilogue is of one element
#include "lib/product.glsl"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint ROWS = 128;          // of the tile of D
layout(constant_id = 2) const uint COLUMNS = 128;
layout(constant_id = 3) const uint DEPTH = 64;          // of the tiles of A and B
layout(constant_id = 4) const uint TRANSPOSED = 0;      // B is [columns, K]
layout(constant_id = 5) const uint PLAIN = 0;           // row r of the product is pixel r of A
layout(constant_id = 6) const uint D_HALF = 0;          // f16 storage
layout(constant_id = 7) const uint BIAS = 0;            // 0: none, 1: f32, 2: f16
layout(constant_id = 8) const uint ACTIVATION = 0;
layout(constant_id = 9) const uint RESIDUAL = 0;        // kNone, kSame or kImage; stored as D is

layout(set = 0, binding = 0) readonly buffer A { uvec4 a[]; };   // eight f16 each
layout(set = 0, binding = 1) readonly buffer B { uvec4 b[]; };
layout(set = 0, binding = 2) readonly buffer Bias { uint bias[]; };
layout(set = 0, binding = 3) readonly buffer Residual { uint residual[]; };
layout(set = 0, binding = 4) writeonly buffer D { uint d[]; };

#ifdef TWIN
void main() {}
#else
layout(set = 0, binding = 0) readonly buffer HalfA { float16_t half_a[]; };
layout(set = 0, binding = 1) readonly buffer HalfB { float16_t half_b[]; };
layout(set = 0, binding = 4) writeonly buffer HalfD { float16_t half_d[]; };
layout(set = 0, binding = 4) writeonly buffer SingleD { float single_d[]; };

const uint kThreads = gl_WorkGroupSize.x, kTile = 1, TURNED = 0;
#ifdef TENSORS
const bool kStagesA = PLAIN == 0, kStagesB = false;
#else
const bool kStagesA = true, kStagesB = true;
#endif
#include "lib/stage.glsl"

#define MATRIX(type_, rows_, columns_, use_) \
    coopmat<type_, SCOPE, rows_, columns_, gl_MatrixUse##use_>
#define LOAD(buffer_, half_, index) \
    (half_ ? half_of(buffer_[(index) / 2], index) : uintBitsToFloat(buffer_[index]))

MATRIX(float, ROWS, COLUMNS, Accumulator) sum;
MATRIX(float16_t, ROWS, DEPTH, A) left;
MATRIX(float16_t, DEPTH, COLUMNS, B) right;

// Where this workgroup's tile of D lies, and where its matrices begin; in elements.
uint tile_row, tile_column, first_a, first_b, first_d, channel0;

// The epilogue of one element. Without tensors it stores it too.
float finish(const in uint r, const in uint c, const in float product) {
    uint row = tile_row + r, column = tile_column + c;
    if (row >= rows || column >= 4 * columns) return 0.0;
    float value = alpha * product;
    uint at = first_d + row * 4 * pitch_d + column;
    if (BIAS != 0) value += LOAD(bias, BIAS == 2, channel0 + column);
    value = activate(ACTIVATION, value, 0.01);
    if (RESIDUAL == kSame) value += LOAD(residual, D_HALF != 0, at);
    if (RESIDUAL == kImage)
        value += LOAD(residual, D_HALF != 0, 4 * image_row(row) + channel0 + column);
    if (D_HALF != 0 && !isnan(value)) value = clamp(value, -65504.0, 65504.0);
#ifndef TENSORS
    if (D_HALF != 0) half_d[at] = float16_t(value);
    else single_d[at] = value;
#endif
    return value;
}

#ifdef TENSORS
// Zeros, or nothing stored, beyond the edges of a tensor; no look at them within.
#define TENSOR(clamp_) tensorLayoutNV<2, gl_CooperativeMatrixClampMode##clamp_##NV>
#define TENSOR_OF(tensor_, clamp_, rows_, columns_, pitch_) \
    TENSOR(clamp_) tensor_ = createTensorLayoutNV(2, gl_CooperativeMatrixClampMode##clamp_##NV); \
    tensor_ = setTensorLayoutDimensionNV(tensor_, rows_, columns_); \
    tensor_ = setTensorLayoutStrideNV(tensor_, pitch_, 1);

// A, and B, at k from tensors; pitches are multiples of eight.
#define LOAD_A(tensor_) coopMatLoadTensorNV(left, half_a, first_a, \
        sliceTensorLayoutNV(tensor_, tile_row, ROWS, k, DEPTH));
#define LOAD_B(tensor_) \
    if (TRANSPOSED != 0) \
        coopMatLoadTensorNV(right, half_b, first_b + 4 * skipped_b(k), \
            sliceTensorLayoutNV(tensor_, tile_column, COLUMNS, k, DEPTH), turn); \
    else \
        coopMatLoadTensorNV(right, half_b, first_b + 4 * skipped_b(k), \
            sliceTensorLayoutNV(tensor_, k, DEPTH, tile_column, COLUMNS));
#endif

// K in one chunk after another, until `depth`.
void multiply(uint depth) {
    uint k = 0;
#ifdef TENSORS
    uint high = TRANSPOSED != 0 ? 4 * columns : depth, wide = TRANSPOSED != 0 ? depth : 4 * columns;
    tensorViewNV<2, false, 1, 0> turn = createTensorViewNV(2, false, 1, 0);
    TENSOR_OF(edged_b, Constant, high, wide, 4 * pitch_b & ~7u)
    if (PLAIN != 0) {
        TENSOR_OF(whole_a, Undefined, rows, depth, 4 * pitch_a & ~7u)
        TENSOR_OF(edged_a, Constant, rows, depth, 4 * pitch_a & ~7u)
        TENSOR_OF(whole_b, Undefined, high, wide, 4 * pitch_b & ~7u)
        if (tile_row + ROWS <= rows && tile_column + COLUMNS <= 4 * columns)
            for (; k + DEPTH <= depth; k += DEPTH) {
                LOAD_A(whole_a)
                LOAD_B(whole_b)
                sum = coopMatMulAdd(left, right, sum);
            }
        for (; k < depth; k += DEPTH) {
            LOAD_A(edged_a)
            LOAD_B(edged_b)
            sum = coopMatMulAdd(left, right, sum);
        }
        return;
    }
#endif
    begin(tile_row);
    load_a(first_a / 8);
#ifndef TENSORS
    load_b(first_b / 8, 0, depth, tile_column);
#endif
    for (; k < depth; k += DEPTH) {
        store_a();
#ifndef TENSORS
        store_b();
#endif
        barrier();
        advance(kDepth, false);
        load_a(first_a / 8);                            // the next tiles come while these multiply
        coopMatLoad(left, tile, 0, kPitchA, gl_CooperativeMatrixLayoutRowMajor);
#ifdef TENSORS
        LOAD_B(edged_b)
#else
        load_b(first_b / 8, k + DEPTH, depth, tile_column);
        if (kByColumn)
            coopMatLoad(right, tile, kTileA, kPitchB, gl_CooperativeMatrixLayoutColumnMajor);
        else
            coopMatLoad(right, tile, kTileA, kPitchB, gl_CooperativeMatrixLayoutRowMajor);
#endif
        sum = coopMatMulAdd(left, right, sum);
        barrier();
    }
}

void main() {
    uint outer = gl_WorkGroupID.z / inner, index = gl_WorkGroupID.z % inner;
    tile_row = gl_WorkGroupID.x * ROWS;
    tile_column = gl_WorkGroupID.y * COLUMNS;
    first_a = 4 * (base_a + outer * outer_a + index * inner_a) & ~7u;
    first_b = 4 * (base_b + outer * outer_b + index * inner_b) & ~7u;
    first_d = 4 * (base_d + outer * outer_d + index * inner_d);
    channel0 = 4 * index * inner_d;
    sum = MATRIX(float, ROWS, COLUMNS, Accumulator)(0.0);
    multiply(4 * channels * tap_count());
    coopMatPerElementNV(sum, sum, finish);
#ifdef TENSORS
    TENSOR_OF(edged_d, Constant, rows, 4 * columns, 4 * pitch_d)
    TENSOR(Constant) slice = sliceTensorLayoutNV(edged_d, tile_row, ROWS, tile_column, COLUMNS);
    if (D_HALF != 0)
        coopMatStoreTensorNV(MATRIX(float16_t, ROWS, COLUMNS, Accumulator)(sum), half_d, first_d,
                             slice);
    else
        coopMatStoreTensorNV(sum, single_d, first_d, slice);
#endif
}
#endif
