#include "runtime/tune/probes.h"

#include <algorithm>
#include <cmath>

#include "runtime/base/blocks.h"
#include "runtime/ops/ops.h"

namespace kiln {
namespace {

// Eighths within [-1, 1]: products of them are exact in f16, short sums in f32.
std::vector<float> eighths(int64_t count, uint32_t seed) {
    std::vector<float> values(static_cast<size_t>(count));
    uint32_t state = seed * 2654435761u + 1;
    for (float& v : values) {
        state = state * 1664525u + 1013904223u;   // Numerical Recipes' generator
        v = float(int(state >> 16) % 17 - 8) / 8;
    }
    return values;
}

struct Operands {
    Device& device;

    Tensor store(const Shape& shape, DType dtype, std::span<const std::byte> bytes) const {
        Buffer buffer = take(device.allocate((bytes.size() + 15) / 16 * 16, Intent::device));
        take(device.write(buffer, bytes.data(), bytes.size()));
        return parameter("probe", shape, dtype, buffer);
    }
    Tensor store(const Shape& shape, DType dtype, const std::vector<float>& values) const {
        if (is_block(dtype))
            return store(shape, dtype,
                         quantised_from_f32(dtype, shape[0], shape[1], values.data()));
        std::vector<std::byte> bytes((values.size() * size_of(dtype) + 3) / 4 * 4);
        from_f32(dtype, values.data(), bytes.data(), values.size());
        return store(shape, dtype, bytes);
    }
};

// x [1, h, w, c] beside w [3, 3, c, n] with padding 1; h = w = 1 and a window of 1 is a product.
std::vector<double> convolved(const Shape& x, const std::vector<float>& xs, int64_t taps,
                              const std::vector<float>& ws, int64_t n) {
    const int64_t h = x[1], w = x[2], c = x[3], pad = taps / 2;
    std::vector<double> y(size_t(h * w * n));
    for (int64_t at = 0; at < h * w * taps * taps; at++) {
        const int64_t tap = at % (taps * taps), pixel = at / (taps * taps);
        const int64_t row = pixel / w + tap / taps - pad, column = pixel % w + tap % taps - pad;
        if (row < 0 || row >= h || column < 0 || column >= w) continue;
        const float* source = &xs[size_t((row * w + column) * c)];
        const float* weights = &ws[size_t(tap * c * n)];
        for (int64_t i = 0; i < c; i++)
            for (int64_t j = 0; j < n; j++)
                y[size_t(pixel * n + j)] += double(source[i]) * double(weights[i * n + j]);
    }
    return y;
}

// softmax(q k^T / sqrt(d)) v for rows of `heads` heads.
std::vector<double> attended(int64_t queries, int64_t keys, int64_t heads, int64_t d,
                             const std::vector<float>& q, const std::vector<float>& k,
                             const std::vector<float>& v) {
    const int64_t pitch = heads * d;
    std::vector<double> y(size_t(queries * pitch)), weights(static_cast<size_t>(keys));
    for (int64_t row = 0; row < queries * heads; row++) {
        const int64_t at = row / heads * pitch + row % heads * d, head = row % heads * d;
        double sum = 0;
        for (int64_t j = 0; j < keys; j++) {
            double score = 0;
            for (int64_t i = 0; i < d; i++)
                score += double(q[size_t(at + i)]) * double(k[size_t(j * pitch + head + i)]);
            sum += weights[size_t(j)] = std::exp(score / std::sqrt(double(d)));
        }
        for (int64_t j = 0; j < keys; j++)
            for (int64_t i = 0; i < d; i++)
                y[size_t(at + i)] +=
                    weights[size_t(j)] / sum * double(v[size_t(j * pitch + head + i)]);
    }
    return y;
}

// A window of 3 whose result is as large as x.
ConvOptions same_size() {
    return {.stride = {}, .pad_before = {1, 1}, .pad_after = {1, 1}, .dilation = {}, .groups = 1};
}

std::string in_dtype(const char* what, DType dtype, int64_t size) {
    return std::string(what) + " of " + std::to_string(size) + " in " + std::string(name_of(dtype));
}

// What rounding to the result's type, and sums in another order, may come to.
double tolerance_of(DType dtype) { return dtype == DType::f32 ? 2e-5 : 2e-3; }

Probe linear_test(const Operands& operands, DType dtype, DType stored, int64_t n) {
    const int64_t rows = 70, k = 96;
    const auto x = eighths(rows * k, 1), w = eighths(k * n, 2);
    Probe probe{"matmul.", in_dtype("a product", stored, n), {}, {}, tolerance_of(dtype)};
    probe.result = linear(operands.store({rows, k}, dtype, x), operands.store({k, n}, stored, w));
    probe.expected = convolved({1, 1, rows, k}, x, 1, w, n);
    // The blocks hold something else than w, and the packed dot product rounds x to 8 bits, too.
    if (is_block(stored)) probe.tolerance = 2e-2;
    return probe;
}

// silu((x - mean) / deviation) over the pixels of each group of channels.
std::vector<float> normalised(const std::vector<float>& x, int64_t c, int64_t groups) {
    std::vector<float> y(x.size());
    for (int64_t group = 0; group < groups; group++) {
        auto each = [&](auto visit) {
            for (size_t i = 0; i < x.size(); i++)
                if (int64_t(i) % c / (c / groups) == group) visit(i);
        };
        const double count = double(x.size()) / double(groups);
        double mean = 0, square = 0;
        each([&](size_t i) { mean += double(x[i]) / count; });
        each([&](size_t i) { square += (double(x[i]) - mean) * (double(x[i]) - mean) / count; });
        each([&](size_t i) {
            const double value = (double(x[i]) - mean) / std::sqrt(square + 1e-5);
            y[i] = float(value / (1 + std::exp(-value)));
        });
    }
    return y;
}

Probe norm_test(const Operands& operands, DType dtype) {
    const Shape x{1, 9, 14, 36};
    const int64_t n = 68, groups = 6;
    const auto xs = eighths(x.count(), 9), ws = eighths(9 * x[3] * n, 10);
    Probe probe{"norm.",
                in_dtype("a norm before a convolution", dtype, n),
                {},
                {},
                4 * tolerance_of(dtype)};
    const Tensor norm = silu(group_norm(operands.store(x, dtype, xs), groups, {}, {}, 1e-5f));
    probe.result = conv(norm, operands.store({3, 3, x[3], n}, dtype, ws), {}, same_size());
    probe.expected = convolved(x, normalised(xs, x[3], groups), 3, ws, n);
    return probe;
}

Probe conv_test(const Operands& operands, const char* variants, DType dtype, int64_t c, int64_t n) {
    const Shape x{1, 9, 14, c};
    const auto xs = eighths(x.count(), 3), ws = eighths(9 * x[3] * n, 4);
    Probe probe{variants, in_dtype("a convolution", dtype, n), {}, {}, tolerance_of(dtype)};
    probe.result = conv(operands.store(x, dtype, xs), operands.store({3, 3, x[3], n}, dtype, ws),
                        {}, same_size());
    probe.expected = convolved(x, xs, 3, ws, n);
    return probe;
}

Probe attention_test(const Operands& operands, DType dtype, int64_t d) {
    const int64_t queries = 37, keys = 45, heads = 2;
    const auto q = eighths(queries * heads * d, 5), k = eighths(keys * heads * d, 6),
               v = eighths(keys * heads * d, 7);
    Probe probe{"attention.", in_dtype("attention", dtype, d), {}, {}, tolerance_of(dtype)};
    const Shape over_keys{1, keys, heads * d};
    probe.result = attention(operands.store({1, queries, heads * d}, dtype, q),
                             operands.store(over_keys, dtype, k),
                             operands.store(over_keys, dtype, v), {.heads = int(heads)});
    probe.expected = attended(queries, keys, heads, d, q, k, v);
    return probe;
}

}   // namespace

Result<std::vector<Probe>> test_probes(Device& device) try {
    const Operands operands{device};
    std::vector<Probe> probes;
    std::vector<DType> dtypes{DType::f32};
    if (device.caps().storage_16bit) dtypes.push_back(DType::f16);
    for (DType dtype : dtypes) {
        probes.push_back(linear_test(operands, dtype, dtype, 132));
        for (const char* variants : {"matmul.", "conv."})
            probes.push_back(conv_test(operands, variants, dtype, 36, 68));
        if (dtype == DType::f16) {   // in eights, as some kernels ask of 16-bit types
            probes.push_back(linear_test(operands, dtype, dtype, 136));
            probes.push_back(conv_test(operands, "matmul.", dtype, 40, 72));
        }
        probes.push_back(norm_test(operands, dtype));
        for (int64_t d : {40, 64}) probes.push_back(attention_test(operands, dtype, d));
    }
    for (int64_t n : {132, 136})
        probes.push_back(linear_test(operands, dtypes.back(), DType::q8_0, n));
    return probes;
} catch (const ResultError& e) {
    return e.error;
}

Result<std::vector<Probe>> speed_probes(Device& device) try {
    const Operands operands{device};
    const bool small = device.caps().kind == DeviceKind::cpu;
    const DType dtype = small || !device.caps().storage_16bit ? DType::f32 : DType::f16;
    const int64_t rows = small ? 1024 : 4096, k = small ? 320 : 1280, n = small ? 640 : 1280;
    const int64_t side = small ? 32 : 64, c = small ? 160 : 320, d = 40, heads = 8;
    auto stored = [&](const Shape& shape, DType as) {
        return operands.store(shape, as, eighths(shape.count(), 8));
    };
    const Tensor x = stored({rows, k}, dtype), tokens = stored({1, rows, heads * d}, dtype);
    std::vector<Probe> probes;
    probes.push_back({"matmul.", "a product", linear(x, stored({k, n}, dtype))});
    probes.back().work = double(rows * k * n);
    // Dilated, which leaves it a single product.
    probes.push_back({"matmul.", "a convolution",
                      conv(stored({1, side, side, c}, dtype), stored({3, 3, c, c}, dtype), {},
                           {.stride = {},
                            .pad_before = {2, 2},
                            .pad_after = {2, 2},
                            .dilation = {2, 2},
                            .groups = 1})});
    probes.back().work = double(side * side * 9 * c * c);
    probes.push_back(
        {"attention.", "attention", attention(tokens, tokens, tokens, {.heads = int(heads)})});
    probes.back().work = double(2 * rows * rows * heads * d);
    for (const char* family : {"matmul.quantised ", "matmul.dot ", "matmul.matrix_quantised "}) {
        probes.push_back({family, "a product of blocks", linear(x, stored({k, n}, DType::q8_0))});
        probes.back().work = double(rows * k * n);
    }
    return probes;
} catch (const ResultError& e) {
    return e.error;
}

}   // namespace kiln
