#include "runtime/ops/group_norm_gradient.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/ops/cases.h"
#include "tests/support/device.h"

namespace kiln::test {
namespace {

// By d, x and, if there are, weight and bias.
Array reference(const std::vector<Array>& in, int groups, double eps, bool silu) {
    const Array &d = in[0], &x = in[1];
    const int64_t n = x.shape[0], c = x.shape[-1], rows = x.shape.count() / n / c,
                  size = c / groups;
    Array result = x;
    for (int64_t image = 0; image < n; image++)
        for (int64_t group = 0; group < groups; group++) {
            const auto each = [&](auto f) {
                for (int64_t r = 0; r < rows; r++)
                    for (int64_t k = group * size; k < (group + 1) * size; k++)
                        f(size_t((image * rows + r) * c + k), size_t(k));
            };
            const double count = double(rows * size);
            double mean = 0, square = 0, level = 0, slope = 0;
            each([&](size_t i, size_t) { mean += x.values[i] / count; });
            each([&](size_t i, size_t) { square += std::pow(x.values[i] - mean, 2) / count; });
            const double scale = 1 / std::sqrt(square + eps);
            const auto normal = [&](size_t i) { return (x.values[i] - mean) * scale; };
            const auto g = [&](size_t i, size_t k) {
                const double w = in.size() > 2 ? in[2].values[k] : 1,
                             z = normal(i) * w + (in.size() > 2 ? in[3].values[k] : 0),
                             s = 1 / (1 + std::exp(-z));
                return d.values[i] * w * (silu ? s * (1 + z * (1 - s)) : 1);
            };
            each([&](size_t i, size_t k) {
                level += g(i, k) / count;
                slope += g(i, k) * normal(i) / count;
            });
            each([&](size_t i, size_t k) {
                result.values[i] = scale * (g(i, k) - level - normal(i) * slope);
            });
        }
    return result;
}

Tensor built(const std::vector<Tensor>& x, int groups, float eps, bool silu) {
    return group_norm_gradient(x[0], x[1], x.size() > 2 ? x[2] : Tensor(),
                               x.size() > 2 ? x[3] : Tensor(), {groups, eps, silu});
}

}   // namespace

TEST_CASE("the gradient of group norm is that of the reference", "[gpu]") {
    struct {
        Shape shape;
        int groups;
    } rows[] = {{{2, 5, 7, 8}, 4},  {{1, 3, 3, 12}, 3},    {{3, 11, 6}, 2},
                {{2, 4, 4, 10}, 5}, {{1, 23, 29, 32}, 32}, {{1, 37, 31, 8}, 1}};
    for (auto& row : rows)
        for (bool silu : {false, true})
            for (bool affine : {true, false}) {
                OpCase test{
                    .name = "group_norm_gradient" + to_string(row.shape),
                    .inputs = {random_array(row.shape, 1), random_array(row.shape, 2, -1, 3)},
                    .build = [&](auto& x) { return built(x, row.groups, 1e-5f, silu); },
                    .reference = [&](auto& x) { return reference(x, row.groups, 1e-5f, silu); },
                    .tolerance = 2e-5,
                    .half_tolerance = 8e-3,
                    .gradient = affine && silu && row.shape.count() < 150,
                    .gradient_tolerance = 2e-3};
                for (uint32_t k = 3; affine && k < 5; k++)
                    test.inputs.push_back(random_array({row.shape[-1]}, k, 0.5, 1.5));
                check(test);
            }
}

TEST_CASE("the gradient of group norm keeps its precision under a large mean", "[gpu]") {
    check(
        {.name = "group_norm_gradient at 10000 +- 1",
         .inputs = {random_array({1, 31, 17, 8}, 5), random_array({1, 31, 17, 8}, 6, 9999, 10001)},
         .build = [](auto& x) { return built(x, 2, 1e-6f, true); },
         .reference = [](auto& x) { return reference(x, 2, 1e-6f, true); },
         .tolerance = 1e-2,
         .half_tolerance = 1e5,
         .gradient = false});
}

TEST_CASE("the gradient of group norm absorbs what is added to it", "[gpu]") {
    const Shape shape{2, 5, 7, 8};
    const Tensor d = input("d", shape), x = input("x", shape), other = input("other", shape);
    for (const bool first : {true, false}) {
        const Tensor gradient = built({d, x}, 4, 1e-5f, true);
        const Tensor y = first ? gradient + other : other + gradient;
        std::vector<std::vector<float>> results;
        for (const bool fuse : {true, false}) {
            Graph graph = take(Graph::compile(test_device(), {y}, {.fuse = fuse}));
            CHECK(graph.stats().launches == (fuse ? 5 : 6));
            uint32_t seed = 7;
            for (const Tensor& t : {d, x, other}) {
                const Array values = random_array(shape, seed++);
                take(
                    graph.write(t, std::vector<float>(values.values.begin(), values.values.end())));
            }
            take(graph.run());
            results.push_back(take(graph.read()));
        }
        CHECK(difference(results[0], results[1], 1e-6) == "");
    }
}

TEST_CASE("operands of group norm's gradient that do not fit are named") {
    const Tensor x = input("x", {1, 3, 3, 8});
    CHECK(error_of([&] {
              built({input("d", {1, 3, 8}), x}, 2, 1e-5f, true);
          }).find("d has the shape of x") != std::string::npos);
    CHECK(error_of([&] {
              built({x, x}, 3, 1e-5f, true);
          }).find("whole groups") != std::string::npos);
    CHECK(error_of([&] {
              built({x, x, input("w", {4}), input("b", {4})}, 2, 1e-5f, true);
          }).find("weight and bias") != std::string::npos);
}

}   // namespace kiln::test
