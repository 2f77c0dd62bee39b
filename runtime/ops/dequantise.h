// Quantised matrices as plain ones: for what reads no others. Within runtime/ops only.
#pragma once
#include "runtime/graph/node.h"

namespace kiln {

// How shaders/lib/quant.glsl numbers what a matrix B may be stored as.
uint32_t product_format(DType dtype);

// The matrix [in, out] in f32 or f16; other types through f32.
Tensor dequantise(const Tensor& w, DType dtype);

// One matrix [in, out] at `from` into f32 or f16 at `to`, each value times `scale`.
void launch_dequantise(Lowering& lowering, const Operand& from, const Operand& to, int64_t in,
                       int64_t out, float scale);

}   // namespace kiln
