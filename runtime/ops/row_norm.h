// Normalization of rows, which layer_norm and rms_norm share. Within runtime/ops only.
#pragma once
#include "runtime/graph/lowering.h"

namespace kiln {

// What normalizes the last axis of x: minus the mean if `centered`, over the root mean square,
// times weight plus bias [c], each of which may be empty.
struct RowNorm {
    bool centered;
    float eps;
};
void launch_row_norm(Lowering& lowering, const RowNorm& norm, const Tensor& x, const Tensor& weight,
                     const Tensor& bias, const Tensor& out);

// The checks of both; throws ModelError in the name of `op`.
void check_row_norm(std::string_view op, const Tensor& x, const Tensor& weight, const Tensor& bias);

}   // namespace kiln
