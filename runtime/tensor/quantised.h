// How quantised matrices [in, out] lie in device memory: the codes, scales and minima of a file's
// blocks (runtime/base/blocks.h), exactly, in planes of their own so that a kernel reads four k of
// four neighbouring columns with aligned loads. Blocks run along `in`, rows of the file, so `in` is
// a whole number of blocks; `out` is a multiple of four. shaders/lib/quant.glsl reads this.
//
// With columns and k in fours, and a unit at k4 * columns + column:
//   codes    byte i of a word is k = 4 k4 + i. Of eight bits: a word a column, four words a unit.
//            Else the lower nibbles: columns 0 and 1 in the low and high nibbles of the first of
//            two words, columns 2 and 3 of the second.
//   d, dmin  f16, four columns side by side, for each block; dmin only where there are minima
//   upper    fifth bits: bit c + 4 (k4 % 2) of the bytes of the word at [k4 / 2][column] is column
//            c; fifth and sixth bits: bits 2c and 2c + 1 of the bytes of a word a unit
//   scales   a byte a column for each group; and then the minima alike
#pragma once
#include <cstdint>
#include <vector>

#include "runtime/base/blocks.h"
#include "runtime/base/shape.h"

namespace kiln {

// Stored as blocks or fp8: matrices that linear() and cast() take, and nothing else does.
bool is_quantised(DType dtype);

// Whether a matrix can lie so; fp8 lies as plain tensors do, in rows of whole words.
bool can_quantise(DType dtype, int64_t in, int64_t out);

// Bytes in device memory; of plain types that of the dense tensor.
uint64_t stored_bytes(DType dtype, const Shape& shape);

// `rows` of a file, each `in` values in blocks, as the columns from `first` on of a matrix [in,
// columns]; `first` is a multiple of four, `target` has stored_bytes(). False if a scale is not
// finite.
bool pack_quantised(DType dtype, const std::byte* source, int64_t in, int64_t rows,
                    std::byte* target, int64_t first, int64_t columns);

// The matrix [in, out] nearest to dense f32 values, as it lies in device memory.
std::vector<std::byte> quantised_from_f32(DType dtype, int64_t in, int64_t out,
                                          const float* values);

}   // namespace kiln
