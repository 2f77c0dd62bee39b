#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "runtime/graph/graph.h"
#include "tests/ops/products.h"

using namespace kiln;
using namespace kiln::test;

namespace {

struct Case {
    Shape a, b;
    bool transpose_a = false, transpose_b = false;
};

const std::vector<Case> kCases = {
    {{1, 1}, {1, 1}},
    {{3, 4}, {4, 4}},
    {{64, 64}, {64, 64}},
    {{17, 36}, {36, 20}},
    {{67, 53}, {53, 31}},
    {{129, 7}, {7, 65}},
    {{2, 128}, {128, 4}},
    {{5, 3, 8}, {5, 8, 12}},
    {{5, 13, 7}, {5, 7, 11}},
    {{2, 3, 9, 8}, {8, 20}},
    {{2, 1, 9, 8}, {3, 8, 20}},
    {{3, 9, 8}, {2, 3, 8, 4}},
    {{20, 36}, {28, 36}, false, true},
    {{19, 37}, {29, 37}, false, true},
    {{2, 6, 8}, {2, 12, 8}, false, true},
    {{12, 20}, {12, 24}, true, false},
    {{7, 5}, {7, 3}, true, false},
    {{2, 1, 2, 5, 4}, {1, 3, 2, 4, 8}},
};

Doubles transposed(const Doubles& m, const Shape& shape) {
    Doubles t(m.size());
    int64_t rows = shape[-2], columns = shape[-1], count = shape.count() / rows / columns;
    for (int64_t z = 0; z < count; z++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                t[(z * columns + j) * rows + i] = m[(z * rows + i) * columns + j];
    return t;
}

// The matrices of `m` repeated as numpy broadcasts the leading axes of `from` to those of `to`.
Doubles spread(const Doubles& m, const Shape& from, const Shape& to, int64_t matrix) {
    Doubles all;
    int64_t count = to.count() / to[-1] / to[-2];
    for (int64_t z = 0; z < count; z++) {
        int64_t rest = z, source = 0, unit = 1;
        for (int axis = 3; axis <= to.rank(); axis++) {
            int64_t at = rest % to[-axis];
            rest /= to[-axis];
            if (axis > from.rank()) continue;
            source += (from[-axis] == 1 ? 0 : at) * unit;
            unit *= from[-axis];
        }
        all.insert(all.end(), m.begin() + source * matrix, m.begin() + (source + 1) * matrix);
    }
    return all;
}

Doubles reference(const Case& c, const Doubles& a, const Doubles& b, const Shape& out) {
    int64_t m = out[-2], n = out[-1], k = c.transpose_a ? c.a[-2] : c.a[-1];
    Doubles left = spread(c.transpose_a ? transposed(a, c.a) : a, c.a, out, m * k);
    Doubles right = spread(c.transpose_b ? transposed(b, c.b) : b, c.b, out, k * n);
    return matmul_reference(left, right, out.count() / m / n, m, k, n);
}

}   // namespace

TEST_CASE("matmul equals the double reference exactly on small integers", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    for (const Case& c : kCases)
        for (DType type_b : {DType::f32, DType::f16}) {
            if (type_b == DType::f16 && c.b.count() % 4) continue;
            INFO(to_string(c.a) << " x " << to_string(c.b) << " " << name_of(type_b));
            auto a = integers(c.a.count(), 1), b = integers(c.b.count(), 2);
            Tensor y = matmul(operand(*device, c.a, a), operand(*device, c.b, b, type_b),
                              {c.transpose_a, c.transpose_b});
            CHECK(difference(values_of(device, y),
                             reference(c, doubles(a), doubles(b), y.shape())) == 0);
        }
    check_silent(*device);
}

TEST_CASE("matmul of f16 operands accumulates in f32", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    auto a = fractions(33 * 260, 3), b = fractions(260 * 68, 4);
    Tensor y = matmul(operand(*device, {33, 260}, a, DType::f16),
                      operand(*device, {260, 68}, b, DType::f16));
    REQUIRE(y.dtype() == DType::f16);
    CHECK(difference(values_of(device, y),
                     matmul_reference(doubles(a), doubles(b), 1, 33, 260, 68)) < 1e-3);
}

TEST_CASE("a result beyond f16 saturates", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    std::vector<float> a(4 * 8, 200.f), b(8 * 4, 300.f);
    Tensor y =
        matmul(operand(*device, {4, 8}, a, DType::f16), operand(*device, {8, 4}, b, DType::f16));
    CHECK(values_of(device, y) == std::vector<float>(16, 65504.f));
}

TEST_CASE("linear adds its bias and applies its activation", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    auto activation = Activation(GENERATE(0, 1, 2, 3, 4, 5, 6, 7, 8));
    int64_t n = activation == Activation::silu ? 31 : 20;
    auto x = fractions(2 * 19 * 24, 5), w = fractions(24 * n, 6), bias = fractions(n, 7);
    Tensor tx = operand(*device, {2, 19, 24}, x), tw = operand(*device, {24, n}, w),
           tb = operand(*device, {n}, bias);
    auto fused = values_of(device, linear(tx, tw, tb, activation));
    Doubles y = matmul_reference(doubles(x), doubles(w), 1, 38, 24, n);
    for (size_t i = 0; i < y.size(); i++) {
        double v = y[i] + bias[i % size_t(n)];
        double activated[] = {
            v,
            v / (1 + std::exp(-v)),
            v / 2 * (1 + std::erf(v / std::sqrt(2.0))),
            v / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))),
            v / (1 + std::exp(-1.702 * v)),
            std::max(v, 0.0),
            std::tanh(v),
            1 / (1 + std::exp(-v)),
            v > 0 ? v : 0.01 * v};
        y[i] = activated[int(activation)];
    }
    CHECK(difference(fused, y) < 2e-6);
}

TEST_CASE("linear absorbs what follows it", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    int64_t n = GENERATE(16, 21);
    Tensor x = operand(*device, {3, 5, 12}, fractions(180, 1)),
           w = operand(*device, {12, n}, fractions(12 * n, 2));
    Tensor bias = operand(*device, {n}, fractions(n, 3)),
           same = operand(*device, {3, 5, n}, fractions(15 * n, 4));
    Tensor image = operand(*device, {3, 1, n}, fractions(3 * n, 5));
    for (const Tensor& y :
         {silu(linear(x, w, bias)) + same, linear(x, w, bias) + image, same + linear(x, w)}) {
        Graph fused = take(Graph::compile(device, {y}));
        Graph apart = take(Graph::compile(device, {y}, {.fuse = false}));
        if (n % 4 == 0)
            CHECK(fused.stats().launches < apart.stats().launches);   // else a copy takes its place
        CHECK(difference(values_of(device, y), doubles(values_of(device, y, false))) < 1e-6);
    }
}

TEST_CASE("the gradients of matmul are those of the reference", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    for (const Case& c : kCases) {
        if (c.a.count() > 700) continue;
        INFO(to_string(c.a) << " x " << to_string(c.b));
        auto a = integers(c.a.count(), 1), b = integers(c.b.count(), 2);
        Tensor ta = operand(*device, c.a, a), tb = operand(*device, c.b, b);
        Tensor y = matmul(ta, tb, {c.transpose_a, c.transpose_b});
        auto r = integers(y.shape().count(), 3);
        auto grads = gradient(y, operand(*device, y.shape(), r), {ta, tb});
        auto of_a = [&](const Doubles& v) { return reference(c, v, doubles(b), y.shape()); };
        auto of_b = [&](const Doubles& v) { return reference(c, doubles(a), v, y.shape()); };
        CHECK(difference(values_of(device, grads[0]),
                         linear_gradient(of_a, doubles(a), doubles(r))) == 0);
        CHECK(difference(values_of(device, grads[1]),
                         linear_gradient(of_b, doubles(b), doubles(r))) == 0);
    }
}

TEST_CASE("products that do not fit are model errors", "[ops]") {
    Tensor a = input("a", {2, 3}), b = input("b", {4, 5});
    CHECK_THROWS_AS(matmul(a, b), ModelError);
    CHECK_THROWS_AS(linear(a, b), ModelError);
    CHECK_THROWS_AS(linear(a, input("w", {3, 4}), input("bias", {5})), ModelError);
    CHECK_THROWS_AS(matmul(input("a", {2, 2, 3}), input("b", {3, 3, 4})), ModelError);
}
