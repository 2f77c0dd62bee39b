// What operators check of their inputs, and how they take those that kernels do not.
#pragma once
#include "runtime/graph/node.h"
#include "runtime/ops/ops.h"

namespace kiln {

inline void require_float(std::string_view op, const Tensor& x) {
    if (x.dtype() != DType::f32 && !is_16_bit(x.dtype()))
        model_error(op, "takes f32, f16 or bf16, not " + std::string(name_of(x.dtype())), {x});
}

// `axis` counted from the front, for a negative one counted from the end.
inline int axis_of(std::string_view op, const Tensor& x, int axis) {
    int from_front = axis < 0 ? axis + x.rank() : axis;
    if (from_front < 0 || from_front >= x.rank())
        model_error(op, "there is no axis " + std::to_string(axis), {x});
    return from_front;
}

inline bool in_fours(const Shape& shape) { return shape.rank() > 0 && shape[-1] % 4 == 0; }

// Kernels read 16-bit types in fours along the last axis.
inline bool odd_16_bit(const Tensor& x) { return is_16_bit(x.dtype()) && !in_fours(x.shape()); }

// f(x) through f32 storage, with the result in the dtype of x.
template <class F>
Tensor in_f32(const Tensor& x, F f) {
    return cast(f(cast(x, DType::f32)), x.dtype());
}

}   // namespace kiln
