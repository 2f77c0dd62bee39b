// The geometry that convolutions and their transposes share. Within runtime/ops only.
#pragma once
#include "runtime/ops/product.h"

namespace kiln {

// Options made explicit: one entry a spatial axis.
struct ConvShape {
    std::vector<int> stride, pad_before, pad_after, dilation, output_padding;

    int axes() const { return int(stride.size()); }
    int64_t reach(const Tensor& w, int axis) const {
        return int64_t(dilation[axis]) * (w[axis] - 1) + 1;
    }
};

// Throws ModelError in the name of `op` unless each list is empty or has an entry for every axis of
// x [n, spatial..., c] and the values make sense.
ConvShape conv_shape(std::string_view op, const Tensor& x, const Tensor& w,
                     const std::vector<int>& stride, const std::vector<int>& pad_before,
                     const std::vector<int>& pad_after, const std::vector<int>& dilation,
                     const std::vector<int>& output_padding);

// Sizes of x, y and the kernel over depth, height and width.
PixelMap map_of(const Tensor& x, const Tensor& w, const Tensor& y);

// What the taps of a convolution over x see, each beside the results `d` that it contributes to:
// d/dw of sum(conv(x, w) * d), [kernel..., channels of x, channels of d].
Tensor weight_gradient(const Tensor& x, const Tensor& d, const Shape& kernel,
                       const ConvShape& shape);

}   // namespace kiln
