// A convolution's gradient by its input is the transposed convolution. Over planes, pixels a stride
// apart meet the same taps, and no others do: each phase is a convolution of its own that wastes
// nothing on the gaps between the pixels of d.
// Shi et al. Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
// Convolutional Neural Network. 2016, section 3.
#include "runtime/ops/conv_gradient.h"

#include <algorithm>

namespace kiln {
namespace {

// The results `phase`, `phase` + stride, ... along an axis, as those of a stride of 1.
struct Phase {
    int64_t first, taps;   // of the kernel, a stride apart
    int pad_before, pad_after, output_padding;
};

Phase phase_of(int64_t phase, int64_t in, int64_t out, int64_t kernel, int64_t stride,
               int64_t pad) {
    const int64_t at = phase + pad, first = at % stride,
                  taps = (kernel - first + stride - 1) / stride;
    const int64_t after = in - 1 - at / stride + taps - out / stride;
    return {first, taps, int(at / stride), int(std::max<int64_t>(after, 0)),
            int(std::max<int64_t>(-after, 0))};
}

bool in_phases(const Tensor& w, const Shape& x, const ConvShape& shape, int groups) {
    if (shape.axes() != 2 || groups != 1) return false;
    for (int i = 0; i < 2; i++)
        if (shape.stride[i] == 1 || shape.dilation[i] != 1 || x[1 + i] % shape.stride[i] ||
            w[i] < shape.stride[i])
            return false;
    return true;
}

// [n, h, w, c] of the phases of one line of pixels, or of the lines: side by side at `axis`.
Tensor interleaved(const std::vector<Tensor>& phases, int axis) {
    std::vector<Tensor> apart;
    for (const Tensor& phase : phases) {
        Shape shape = phase.shape();
        shape.dims.insert(shape.dims.begin() + axis + 1, 1);
        apart.push_back(reshape(phase, shape));
    }
    Shape joined = phases[0].shape();
    joined[axis] *= int64_t(phases.size());
    return reshape(concat(apart, axis + 1), joined);
}

Tensor phase_gradient(const Tensor& d, const Tensor& turned, const Phase& y, const Phase& x,
                      const ConvShape& shape) {
    const Tensor rows = slice(turned, 0, y.first, turned[0], shape.stride[0]),
                 taps = slice(rows, 1, x.first, turned[1], shape.stride[1]);
    return conv_transpose(d, taps, {},
                          {.pad_before = {y.pad_before, x.pad_before},
                           .pad_after = {y.pad_after, x.pad_after},
                           .output_padding = {y.output_padding, x.output_padding}});
}

}   // namespace

Tensor conv_input_gradient(const Tensor& d, const Tensor& w, const Shape& x, const ConvShape& shape,
                           int groups) {
    const Tensor turned = transpose(w);
    if (in_phases(w, x, shape, groups)) {
        const auto phase = [&](int axis, int64_t at) {
            return phase_of(at, d[1 + axis], x[1 + axis], w[axis], shape.stride[axis],
                            shape.pad_before[axis]);
        };
        std::vector<Tensor> lines;
        for (int row = 0; row < shape.stride[0]; row++) {
            std::vector<Tensor> pixels;
            for (int column = 0; column < shape.stride[1]; column++)
                pixels.push_back(phase_gradient(d, turned, phase(0, row), phase(1, column), shape));
            lines.push_back(interleaved(pixels, 2));
        }
        return interleaved(lines, 1);
    }
    ConvTransposeOptions back{shape.stride, shape.pad_before, shape.pad_after, shape.dilation, {},
                              groups};
    for (int i = 0; i < shape.axes(); i++) {
        const int64_t reached = (d[1 + i] - 1) * shape.stride[i] + shape.reach(w, i);
        back.output_padding.push_back(
            int(x[1 + i] + shape.pad_before[i] + shape.pad_after[i] - reached));
    }
    return conv_transpose(d, turned, {}, back);
}

}   // namespace kiln
