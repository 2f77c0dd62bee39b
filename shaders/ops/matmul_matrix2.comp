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
#define FACTORS 6
#define FACTORS_CONSTANT 10
#include "lib/normalise.glsl"

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
layout(constant_id = 11) const uint ONE_IMAGE = 0;      // the rows of a tile are of one image
layout(constant_id = 12) const uint GATED = 0;          // the second half of B are gates
layout(constant_id = 13) const uint STATISTICS = 0;     // of D are wanted

layout(set = 0, binding = 0) readonly buffer A { uvec4 a[]; };   // eight f16 each
layout(set = 0, binding = 1) readonly buffer B { uvec4 b[]; };
layout(set = 0, binding = 2) readonly buffer Bias { uint bias[]; };
layout(set = 0, binding = 3) readonly buffer Residual { uint residual[]; };
layout(set = 0, binding = 4) writeonly buffer D { uint d[]; };
layout(set = 0, binding = 5) writeonly buffer Statistics { vec4 statistics[]; };

#ifdef TWIN
void main() {}
#else
layout(set = 0, binding = 0) readonly buffer HalfA { float16_t half_a[]; };
layout(set = 0, binding = 1) readonly buffer HalfB { float16_t half_b[]; };
// Written by some invocations of a workgroup and read by others for their statistics.
layout(set = 0, binding = 4) workgroupcoherent buffer HalfD { float16_t half_d[]; };
layout(set = 0, binding = 4) workgroupcoherent buffer SingleD { float single_d[]; };

const uint kThreads = gl_WorkGroupSize.x, TURNED = 0, kTogether = COLUMNS;
const uint kParts = 4;                                  // of a tile's rows, for statistics
const uint kTile = STATISTICS != 0 ? kParts * COLUMNS / 2 : 1;
#ifdef TENSORS
const bool kStagesA = PLAIN == 0 || NORMALISED != 0, kStagesB = false;
#else
const bool kStagesA = true, kStagesB = true;
#endif
#include "lib/moments.glsl"
#include "lib/stage.glsl"

#define MATRIX(type_, rows_, columns_, use_) \
    coopmat<type_, SCOPE, rows_, columns_, gl_MatrixUse##use_>
#define LOAD(buffer_, half_, index) \
    (half_ ? half_of(buffer_[(index) / 2], index) : uintBitsToFloat(buffer_[index]))

MATRIX(float, ROWS, kOwnColumns, Accumulator) sum, gate;   // and with GATED those of the gates
MATRIX(float16_t, ROWS, DEPTH, A) left;
MATRIX(float16_t, DEPTH, kOwnColumns, B) right;

// Where this workgroup's tile of D lies, and where its matrices begin; in elements.
uint tile_row, tile_column, first_a, first_b, first_d, channel0;

// What of one element is computed before its activation: a value, or a gate with `skip` columns of
// B before it.
float biased(uint row, uint column, float product, uint skip) {
    if (row >= rows || column >= 4 * columns) return 0.0;
    float value = alpha * product;
    if (BIAS != 0) value += LOAD(bias, BIAS == 2, channel0 + skip + column);
    return value;
}

float value_of(const in uint r, const in uint c, const in float product) {
    return biased(tile_row + r, tile_column + c, product, 0);
}
float gate_of(const in uint r, const in uint c, const in float product) {
    return activate(ACTIVATION, biased(tile_row + r, tile_column + c, product, 4 * columns), 0.01);
}

// The rest of the epilogue. Without tensors it stores the element too.
float put(const in uint r, const in uint c, const in float result) {
    uint row = tile_row + r, column = tile_column + c;
    if (row >= rows || column >= 4 * columns) return 0.0;
    float value = result;
    uint at = first_d + row * 4 * pitch_d + column;
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

float finish(const in uint r, const in uint c, const in float product) {
    return put(r, c, activate(ACTIVATION, value_of(r, c, product), 0.01));
}

#ifdef TENSORS
#include "lib/tensors.glsl"
#else
// The same from the tile, `column` columns behind its first.
void load_right(uint column) {
    if (kByColumn)
        coopMatLoad(right, tile, kTileA + column * kPitchB, kPitchB,
                    gl_CooperativeMatrixLayoutColumnMajor);
    else
        coopMatLoad(right, tile, kTileA + column / 8, kPitchB, gl_CooperativeMatrixLayoutRowMajor);
}
#endif

// K in one chunk after another, until `depth`.
void multiply(uint depth) {
    uint k = 0;
#ifdef TENSORS
    uint width = (GATED != 0 ? 8 : 4) * columns;
    uint high = TRANSPOSED != 0 ? width : depth, wide = TRANSPOSED != 0 ? depth : width;
    tensorViewNV<2, false, 1, 0> turn = createTensorViewNV(2, false, 1, 0);
    TENSOR_OF(edged_b, Constant, high, wide, 4 * pitch_b & ~7u)
    if (!kStagesA) {
        TENSOR_OF(whole_a, Undefined, rows, depth, 4 * pitch_a & ~7u)
        TENSOR_OF(edged_a, Constant, rows, depth, 4 * pitch_a & ~7u)
        TENSOR_OF(whole_b, Undefined, high, wide, 4 * pitch_b & ~7u)
        if (tile_row + ROWS <= rows && tile_column + kOwnColumns <= 4 * columns)
            for (; k + DEPTH <= depth; k += DEPTH) {
                LOAD_A(whole_a)
                MULTIPLY_TENSOR(whole_b)
            }
        for (; k < depth; k += DEPTH) {
            LOAD_A(edged_a)
            MULTIPLY_TENSOR(edged_b)
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
        MULTIPLY_TENSOR(edged_b)
#else
        load_b(first_b / 8, k + DEPTH, depth, tile_column);
        load_right(0);
        sum = coopMatMulAdd(left, right, sum);
        if (GATED != 0) {
            load_right(kOwnColumns);
            gate = coopMatMulAdd(left, right, gate);
        }
#endif
        barrier();
    }
}

// Four values of D, which is stored.
vec4 stored(uint row, uint column) {
    vec4 value;
    uint at = first_d + row * 4 * pitch_d + 4 * column;
    [[unroll]] for (uint i = 0; i < 4; i++)
        value[i] = D_HALF != 0 ? float(half_d[at + i]) : single_d[at + i];
    return value;
}

// Of every part of the tile's rows, every fourth of them, and then of all.
void store_statistics() {
    const uint kFours = kOwnColumns / 4;
    uint end = min(tile_row + ROWS, rows);
    for (uint i = gl_LocalInvocationIndex; i < kParts * kFours; i += kThreads) {
        uint column = tile_column / 4 + i % kFours;
        Moments moments = kNoMoments;
        for (uint row = tile_row + i / kFours; row < end; row += kParts)
            if (column < columns) moments = joined(moments, stored(row, column));
        tile[2 * i] = floatBitsToUint(moments.mean);
        tile[2 * i + 1] = floatBitsToUint(moments.squares);
    }
    barrier();
    for (uint i = gl_LocalInvocationIndex; i < kFours; i += kThreads) {
        Moments all = kNoMoments;
        for (uint part = 0; part < kParts; part++) {
            uint at = 2 * (part * kFours + i), left = end - tile_row + kParts - 1 - part;
            all = joined(all, Moments(float(left / kParts), uintBitsToFloat(tile[at]),
                                      uintBitsToFloat(tile[at + 1])));
        }
        uint column = tile_column / 4 + i, to = 2 * (gl_WorkGroupID.x * columns + column);
        if (column >= columns) continue;
        statistics[to] = all.mean;
        statistics[to + 1] = all.squares;
    }
}

void main() {
    uint outer = gl_WorkGroupID.z / inner, index = gl_WorkGroupID.z % inner;
    tile_row = gl_WorkGroupID.x * ROWS;
    tile_column = gl_WorkGroupID.y * kOwnColumns;
    first_a = 4 * (base_a + outer * outer_a + index * inner_a) & ~7u;
    first_b = 4 * (base_b + outer * outer_b + index * inner_b) & ~7u;
    first_d = 4 * (base_d + outer * outer_d + index * inner_d);
    channel0 = 4 * index * inner_d;
    sum = gate = MATRIX(float, ROWS, kOwnColumns, Accumulator)(0.0);
    multiply(4 * channels * tap_count());
    if (GATED != 0) {
        coopMatPerElementNV(sum, sum, value_of);
        coopMatPerElementNV(gate, gate, gate_of);
        sum = sum * gate;
        coopMatPerElementNV(sum, sum, put);
    } else {
        coopMatPerElementNV(sum, sum, finish);
    }
#ifdef TENSORS
    TENSOR_OF(edged_d, Constant, rows, 4 * columns, 4 * pitch_d)
    TENSOR(Constant) slice =
        sliceTensorLayoutNV(edged_d, tile_row, ROWS, tile_column, kOwnColumns);
    if (D_HALF != 0)
        coopMatStoreTensorNV(MATRIX(float16_t, ROWS, kOwnColumns, Accumulator)(sum), half_d,
                             first_d, slice);
    else
        coopMatStoreTensorNV(sum, single_d, first_d, slice);
#endif
    if (STATISTICS == 0) return;
    controlBarrier(gl_ScopeWorkgroup, gl_ScopeWorkgroup,
                   gl_StorageSemanticsBuffer | gl_StorageSemanticsShared,
                   gl_SemanticsAcquireRelease | gl_SemanticsMakeAvailable |
                       gl_SemanticsMakeVisible);
    store_statistics();
}
#endif
