// How the operands of a product are stored, by number as product_format() in
// runtime/ops/dequantise.h gives it, and loads of the plain ones.
#ifndef KILN_FORMAT_GLSL
#define KILN_FORMAT_GLSL
#include "lib/storage.glsl"

const uint kF32 = 0, kF16 = 1, kBF16 = 2, kE4M3 = 3, kE5M2 = 4;
const uint kQ8_0 = 8, kQ4_0 = 9, kQ4_1 = 10, kQ5_0 = 11, kQ5_1 = 12, kQ4_K = 13, kQ5_K = 14,
           kQ6_K = 15;

// Four-vector `index` of a buffer of uvec2 in f32, f16 or bf16.
#define LOAD_FORMAT(buffer_, format, index) (format == kF16 ? unpack_f16(buffer_[index]) \
    : format == kBF16 ? unpack_bf16(buffer_[index]) \
    : uintBitsToFloat(uvec4(buffer_[2 * (index)], buffer_[2 * (index) + 1])))

#endif
