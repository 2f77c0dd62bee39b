#include "runtime/ops/conv_shape.h"

#include <algorithm>

namespace kiln {

ConvShape conv_shape(std::string_view op, const Tensor& x, const Tensor& w,
                     const std::vector<int>& stride, const std::vector<int>& pad_before,
                     const std::vector<int>& pad_after, const std::vector<int>& dilation,
                     const std::vector<int>& output_padding) {
    int axes = x.rank() - 2;
    if (axes < 1 || axes > 3 || w.rank() != x.rank())
        model_error(op, "x is [n, spatial..., c] and w has its rank, with 1 to 3 spatial axes",
                    {x, w});
    auto filled = [&](const std::vector<int>& values, int by_default, int low, int high) {
        std::vector<int> all = values.empty() ? std::vector<int>(size_t(axes), by_default) : values;
        if (int(all.size()) != axes)
            model_error(op, "options have one entry a spatial axis", {x, w});
        if (*std::min_element(all.begin(), all.end()) < low ||
            *std::max_element(all.begin(), all.end()) > high)
            model_error(op, "a stride, padding or dilation is out of range", {x, w});
        return all;
    };
    return {filled(stride, 1, 1, 255), filled(pad_before, 0, 0, 1 << 20),
            filled(pad_after, 0, 0, 1 << 20), filled(dilation, 1, 1, 32767),
            filled(output_padding, 0, 0, 254)};
}

PixelMap map_of(const Tensor& x, const Tensor& w, const Tensor& y) {
    PixelMap map;
    int axes = x.rank() - 2;
    map.images = x[0];
    for (int i = 0; i < axes; i++) {
        map.in[3 - axes + i] = x[1 + i];
        map.out[3 - axes + i] = y[1 + i];
        map.taps[3 - axes + i] = w[i];
    }
    return map;
}

// x as one tap of the kernel meets it: the padded x, shifted and strided to the extents of d.
static Tensor seen_by(const Tensor& padded, const Tensor& d, int64_t tap, const Shape& kernel,
                      const ConvShape& shape) {
    Tensor seen = padded;
    for (int axis = shape.axes() - 1; axis >= 0; axis--) {
        int64_t begin = tap % kernel[axis] * shape.dilation[axis];
        tap /= kernel[axis];
        seen = slice(seen, 1 + axis, begin, begin + (d[1 + axis] - 1) * shape.stride[axis] + 1,
                     shape.stride[axis]);
    }
    return reshape(seen, {-1, padded[-1]});
}

Tensor weight_gradient(const Tensor& x, const Tensor& d, const Shape& kernel,
                       const ConvShape& shape) {
    std::vector<std::pair<int, int>> amounts(size_t(x.rank()), {0, 0});
    for (int axis = 0; axis < shape.axes(); axis++)
        amounts[1 + axis] = {shape.pad_before[axis], shape.pad_after[axis]};
    Tensor padded = pad(x, amounts), rows = reshape(d, {-1, d[-1]});
    std::vector<Tensor> taps;
    int64_t count = 1;
    for (int axis = 0; axis < shape.axes(); axis++) count *= kernel[axis];
    for (int64_t tap = 0; tap < count; tap++)
        taps.push_back(matmul(seen_by(padded, d, tap, kernel, shape), rows, {.transpose_a = true}));
    Shape result;
    for (int axis = 0; axis < shape.axes(); axis++) result.dims.push_back(kernel[axis]);
    result.dims.push_back(x[-1]);
    result.dims.push_back(d[-1]);
    return reshape(count == 1 ? taps[0] : concat(taps, 0), result);
}

}   // namespace kiln
