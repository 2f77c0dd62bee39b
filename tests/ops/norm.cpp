#include <cmath>

#include <catch2/catch_test_macros.hpp>

#include "tests/ops/cases.h"
#include "tests/support/device.h"

namespace kiln::test {
namespace {

// (x - mean) / deviation over the elements that `same` puts together with an index, then w and b.
Array group_normed(const std::vector<Array>& x, int groups, double eps) {
    const Shape& shape = x[0].shape;
    int64_t n = shape[0], c = shape[-1], rows = shape.count() / n / c, size = c / groups;
    Array y = x[0];
    for (int64_t image = 0; image < n; image++)
        for (int64_t g = 0; g < groups; g++) {
            double sum = 0, square = 0;
            auto each = [&](auto f) {
                for (int64_t r = 0; r < rows; r++)
                    for (int64_t k = 0; k < size; k++)
                        f(size_t((image * rows + r) * c + g * size + k), size_t(g * size + k));
            };
            each([&](size_t i, size_t) { sum += x[0].values[i]; });
            double mean = sum / double(rows * size);
            each([&](size_t i, size_t) { square += std::pow(x[0].values[i] - mean, 2); });
            double scale = 1 / std::sqrt(square / double(rows * size) + eps);
            each([&](size_t i, size_t k) {
                y.values[i] = (x[0].values[i] - mean) * scale;
                if (x.size() > 1) y.values[i] = y.values[i] * x[1].values[k] + x[2].values[k];
            });
        }
    return y;
}

// Rows of x: minus their mean if centred, over their deviation, times x[1], plus x[2].
Array row_normed(const std::vector<Array>& x, bool centred, double eps) {
    Array y = x[0];
    size_t width = size_t(x[0].shape[-1]);
    for (size_t row = 0; row < y.values.size(); row += width) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < width; i++)
            mean += centred ? x[0].values[row + i] / double(width) : 0;
        for (size_t i = 0; i < width; i++) square += std::pow(x[0].values[row + i] - mean, 2);
        double scale = 1 / std::sqrt(square / double(width) + eps);
        for (size_t i = 0; i < width; i++) {
            double v = (x[0].values[row + i] - mean) * scale;
            if (x.size() > 1) v *= x[1].values[i];
            if (x.size() > 2) v += x[2].values[i];
            y.values[row + i] = v;
        }
    }
    return y;
}

Array softmaxed(const Array& x) {
    Array y = x;
    size_t width = size_t(x.shape[-1]);
    for (size_t row = 0; row < y.values.size(); row += width) {
        double top = -INFINITY, sum = 0;
        for (size_t i = 0; i < width; i++) top = std::max(top, x.values[row + i]);
        for (size_t i = 0; i < width; i++) sum += std::exp(x.values[row + i] - top);
        for (size_t i = 0; i < width; i++)
            y.values[row + i] = std::exp(x.values[row + i] - top) / sum;
    }
    return y;
}

}   // namespace

TEST_CASE("group norm normalizes each group of channels of each image", "[gpu]") {
    struct {
        Shape shape;
        int groups;
    } rows[] = {{{2, 5, 7, 8}, 4},  {{1, 3, 3, 12}, 3},    {{3, 11, 6}, 2},
                {{2, 4, 4, 10}, 5}, {{1, 23, 29, 32}, 32}, {{2, 7}, 7}};
    for (auto& row : rows)
        for (bool affine : {true, false}) {
            OpCase test{.name = "group_norm" + to_string(row.shape),
                        .inputs = {random_array(row.shape, 1, -1, 3)},
                        .build =
                            [&](auto& x) {
                                return group_norm(x[0], row.groups, affine ? x[1] : Tensor(),
                                                  affine ? x[2] : Tensor(), 1e-5f);
                            },
                        .reference = [&](auto& x) { return group_normed(x, row.groups, 1e-5f); },
                        .tolerance = 1e-5,
                        .half_tolerance = 4e-3,
                        .gradient = row.shape.count() < 300 && row.shape.rank() > 2,
                        .gradient_tolerance = 1e-3};
            for (uint32_t k = 1; affine && k < 3; k++)
                test.inputs.push_back(random_array({row.shape[-1]}, k, 0.5, 1.5));
            check(test);
        }
}

TEST_CASE("group norm absorbs the activation that follows", "[gpu]") {
    Tensor x = input("x", {2, 5, 7, 8});
    Array values = random_array({2, 5, 7, 8}, 3, -2, 2);
    std::vector<float> floats(values.values.begin(), values.values.end());
    Tensor y = silu(group_norm(x, 4, {}, {}, 1e-5f));
    std::vector<std::vector<float>> results;
    for (bool fuse : {true, false}) {
        Graph graph = take(Graph::compile(test_device(), {y}, {.fuse = fuse}));
        CHECK(graph.stats().launches == (fuse ? 3 : 4));
        take(graph.write(x, floats));
        take(graph.run());
        results.push_back(take(graph.read()));
    }
    CHECK(difference(results[0], results[1], 1e-6) == "");
}

TEST_CASE("group norm keeps its precision under a large mean", "[gpu]") {
    Array x = random_array({1, 31, 17, 8}, 4, 9999, 10001);
    check({.name = "group_norm of 10000 +- 1",
           .inputs = {x},
           .build = [](auto& v) { return group_norm(v[0], 2, {}, {}, 1e-6f); },
           .reference = [](auto& v) { return group_normed(v, 2, 1e-6f); },
           .tolerance = 1e-3,
           .half_tolerance = 1e5,
           .gradient = false});
}

TEST_CASE("layer norm and rms norm normalize rows", "[gpu]") {
    for (const Shape& shape :
         {Shape{3, 5, 7}, Shape{2, 3, 12}, Shape{1, 320}, Shape{300, 8}, Shape{5, 1031}, Shape{1}})
        for (size_t factors : {0, 1, 2}) {
            std::vector<Array> inputs{random_array(shape, 5, -1, 2)};
            for (uint32_t k = 0; k < factors; k++)
                inputs.push_back(random_array({shape[-1]}, 6 + k, 0.5, 1.5));
            bool gradient = shape.count() < 200 && shape[-1] > 1;
            auto factor = [](const std::vector<Tensor>& x, size_t i) {
                return i < x.size() ? x[i] : Tensor();
            };
            check({.name = "layer_norm" + to_string(shape),
                   .inputs = inputs,
                   .build =
                       [&](auto& x) { return layer_norm(x[0], factor(x, 1), factor(x, 2), 1e-5f); },
                   .reference = [](auto& x) { return row_normed(x, true, 1e-5f); },
                   .tolerance = 1e-5,
                   .half_tolerance = 4e-3,
                   .gradient = gradient,
                   .gradient_tolerance = 1e-3});
            if (factors == 2) continue;
            check({.name = "rms_norm" + to_string(shape),
                   .inputs = inputs,
                   .build = [&](auto& x) { return rms_norm(x[0], factor(x, 1), 1e-6f); },
                   .reference = [](auto& x) { return row_normed(x, false, 1e-6f); },
                   .tolerance = 1e-5,
                   .half_tolerance = 4e-3,
                   .gradient = gradient,
                   .gradient_tolerance = 1e-3});
        }
}

TEST_CASE("softmax sums to one for values of any size", "[gpu]") {
    for (const Shape& shape :
         {Shape{3, 7}, Shape{5, 77}, Shape{2, 3, 64}, Shape{300, 4}, Shape{2, 1031}, Shape{3, 1}})
        for (double range : {3.0, 1e4})
            check({.name = "softmax" + to_string(shape),
                   .inputs = {random_array(shape, 8, -range, range)},
                   .build = [](auto& x) { return softmax(x[0]); },
                   .reference = [](auto& x) { return softmaxed(x[0]); },
                   .tolerance = 3e-6,
                   .gradient = range < 10 && shape.count() < 500});
}

}   // namespace kiln::test
