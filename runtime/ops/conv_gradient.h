// The gradient of a convolution by its input. Within runtime/ops only.
#pragma once
#include "runtime/ops/conv_shape.h"

namespace kiln {

// d sum(conv(x, w) * d) / dx, where x has the shape `x`.
Tensor conv_input_gradient(const Tensor& d, const Tensor& w, const Shape& x, const ConvShape& shape,
                           int groups);

}   // namespace kiln
