// Operands and double references for matrix products, convolutions and attention.
#pragma once
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <functional>

#include "runtime/graph/graph.h"
#include "runtime/ops/gradient.h"
#include "runtime/ops/ops.h"
#include "tests/support/device.h"

namespace kiln::test {

using Doubles = std::vector<double>;

// Small integers, so that every sum is exact whatever its order.
inline std::vector<float> integers(int64_t count, uint32_t seed, int range = 3) {
    std::vector<float> values(static_cast<size_t>(count));
    uint32_t state = seed * 2654435761u + 1;
    for (float& v : values) {
        state = state * 1664525u + 1013904223u;
        v = float(int(state >> 16) % (2 * range + 1) - range);
    }
    return values;
}

// Values in [-1, 1] that f16 holds exactly.
inline std::vector<float> fractions(int64_t count, uint32_t seed) {
    std::vector<float> values = integers(count, seed, 64);
    for (float& v : values) v /= 64;
    return values;
}

inline Tensor operand(Device& device, const Shape& shape, const std::vector<float>& values,
                      DType dtype = DType::f32) {
    std::vector<std::byte> bytes((values.size() * size_of(dtype) + 3) / 4 * 4);
    from_f32(dtype, values.data(), bytes.data(), values.size());
    Buffer buffer = take(device.allocate(bytes.size(), Intent::device));
    take(device.write(buffer, bytes.data(), bytes.size()));
    return parameter("operand", shape, dtype, buffer);
}

inline Doubles doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }

// The largest difference, relative to the largest reference.
inline double difference(const std::vector<float>& values, const Doubles& reference) {
    REQUIRE(values.size() == reference.size());
    double worst = 0, scale = 1;
    for (double r : reference) scale = std::max(scale, std::abs(r));
    for (size_t i = 0; i < values.size(); i++) {
        double error = std::abs(values[i] - reference[i]);
        worst = std::max(worst, std::isnan(error) ? INFINITY : error);
    }
    return worst / scale;
}

inline std::vector<float> values_of(const std::shared_ptr<Device>& device, const Tensor& t,
                                    bool fuse = true) {
    return take(evaluate(device, t, {.fuse = fuse}));
}

// a [batch_a, m, k] x b [batch_b, k, n]; a batch of one is broadcast.
inline Doubles matmul_reference(const Doubles& a, const Doubles& b, int64_t batch, int64_t m,
                                int64_t k, int64_t n) {
    Doubles y(static_cast<size_t>(batch * m * n));
    int64_t step_a = int64_t(a.size()) == m * k ? 0 : m * k,
            step_b = int64_t(b.size()) == k * n ? 0 : k * n;
    for (int64_t z = 0; z < batch; z++)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                double sum = 0;
                for (int64_t q = 0; q < k; q++)
                    sum += a[z * step_a + i * k + q] * b[z * step_b + q * n + j];
                y[(z * m + i) * n + j] = sum;
            }
    return y;
}

struct ConvCase {
    std::string name;
    Shape x, w;
    std::vector<int> stride, pad_before, pad_after, dilation, output_padding;
    int groups = 1;

    int axes() const { return x.rank() - 2; }
    int at(const std::vector<int>& list, int axis, int by_default) const {
        return list.empty() ? by_default : list[axis];
    }
    ConvOptions options() const { return {stride, pad_before, pad_after, dilation, groups}; }
    ConvTransposeOptions transposed() const {
        return {stride, pad_before, pad_after, dilation, output_padding, groups};
    }
};

// Every (input pixel, tap, output pixel) of a convolution from `in` to `out`, as flat indices.
inline void for_each_tap(const ConvCase& c, const Shape& in, const Shape& out,
                         const std::function<void(int64_t, int64_t, int64_t)>& visit) {
    int axes = c.axes();
    int64_t taps = 1, pixels = in[0];
    for (int i = 0; i < axes; i++) taps *= c.w[i], pixels *= out[1 + i];
    for (int64_t p = 0; p < pixels; p++)
        for (int64_t t = 0; t < taps; t++) {
            int64_t source = 0, unit = 1, rest_p = p, rest_t = t;
            bool inside = true;
            for (int i = axes - 1; i >= 0; i--) {
                int64_t o = rest_p % out[1 + i], tap = rest_t % c.w[i];
                rest_p /= out[1 + i], rest_t /= c.w[i];
                int64_t at = o * c.at(c.stride, i, 1) - c.at(c.pad_before, i, 0) +
                             tap * c.at(c.dilation, i, 1);
                inside = inside && at >= 0 && at < in[1 + i];
                source += at * unit, unit *= in[1 + i];
            }
            if (inside) visit(rest_p * unit + source, t, p);
        }
}

// x beside w [kernel..., c_in / groups, c_out] -> the shape `out`.
inline Doubles conv_reference(const ConvCase& c, const Doubles& x, const Doubles& w,
                              const Shape& out) {
    Doubles y(static_cast<size_t>(out.count()));
    int64_t in_c = c.x[-1], out_c = c.w[-1], width = c.w[-2], per = out_c / c.groups;
    for_each_tap(c, c.x, out, [&](int64_t source, int64_t tap, int64_t p) {
        for (int64_t o = 0; o < out_c; o++)
            for (int64_t i = 0; i < width; i++)
                y[p * out_c + o] +=
                    x[source * in_c + o / per * width + i] * w[(tap * width + i) * out_c + o];
    });
    return y;
}

// x beside w [kernel..., c_in, c_out / groups]: scatters each input pixel over the outputs.
inline Doubles conv_transpose_reference(const ConvCase& c, const Doubles& x, const Doubles& w,
                                        const Shape& out) {
    Doubles y(static_cast<size_t>(out.count()));
    int64_t in_c = c.x[-1], width = c.w[-1], out_c = width * c.groups, per = in_c / c.groups;
    for_each_tap(c, out, c.x, [&](int64_t target, int64_t tap, int64_t p) {
        for (int64_t i = 0; i < in_c; i++)
            for (int64_t o = 0; o < width; o++)
                y[target * out_c + i / per * width + o] +=
                    x[p * in_c + i] * w[(tap * in_c + i) * width + o];
    });
    return y;
}

// d/dv of sum(f(v) * r) for f that is linear in v: differences are exact.
inline Doubles linear_gradient(const std::function<Doubles(const Doubles&)>& f, const Doubles& v,
                               const Doubles& r) {
    Doubles gradient(v.size());
    Doubles zero(v.size(), 0.0);
    for (size_t i = 0; i < v.size(); i++) {
        zero[i] = 1;
        Doubles y = f(zero);
        for (size_t j = 0; j < y.size(); j++) gradient[i] += y[j] * r[j];
        zero[i] = 0;
    }
    return gradient;
}

}   // namespace kiln::test
