// Copies between strided layouts, which shape operators are. Within runtime/ops only.
#pragma once
#include "runtime/graph/lowering.h"
#include "runtime/ops/walk.h"

namespace kiln {

struct StridedView {
    Operand operand;
    Strides strides;      // elements, one an axis of the copied shape
    int64_t offset = 0;   // elements
};

// to[i] = from[i] for every index of `shape`. f16 must be in fours at the target.
void launch_copy(Lowering& lowering, const Shape& shape, const StridedView& from,
                 const StridedView& to);

// Entries of x along `axis` by `indices`, as the gradients of mirrors and resizings need them:
// through gather, so that it can be differentiated.
Tensor take_along(const Tensor& x, int axis, const std::vector<int32_t>& indices);

}   // namespace kiln
