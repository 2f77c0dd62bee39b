#include <cmath>
#include <numbers>

#include <catch2/catch_test_macros.hpp>

#include "tests/ops/cases.h"

namespace kiln::test {
namespace {

using Function = double (*)(double);

struct Row {
    const char* name;
    Tensor (*op)(const Tensor&);
    Function f;
    double low, high;
};

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double gelu_of(double x) { return 0.5 * x * std::erfc(-x / std::numbers::sqrt2); }
double gelu_tanh_of(double x) {
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}

const Row kRows[] = {
    {"silu", silu, [](double x) { return x * sigmoid_of(x); }, -6, 6},
    {"gelu", gelu, gelu_of, -5, 5},
    {"gelu_tanh", gelu_tanh, gelu_tanh_of, -5, 5},
    {"quick_gelu", quick_gelu, [](double x) { return x * sigmoid_of(1.702 * x); }, -5, 5},
    {"relu", relu, [](double x) { return std::max(x, 0.0); }, -1, 1},
    {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.2f); },
     [](double x) { return x > 0 ? x : double(0.2f) * x; }, -1, 1},
    {"tanh", tanh, std::tanh, -4, 4},
    {"sigmoid", sigmoid, sigmoid_of, -6, 6},
    {"erf", erf, std::erf, -3, 3},
    {"exp", exp, std::exp, -3, 3},
    {"log", log, std::log, 0.1, 9},
    {"sqrt", sqrt, std::sqrt, 0.1, 9},
    {"rsqrt", rsqrt, [](double x) { return 1 / std::sqrt(x); }, 0.2, 9},
    {"sin", sin, std::sin, -7, 7},
    {"cos", cos, std::cos, -7, 7},
    {"abs", abs, std::fabs, -1, 1},
    {"square", square, [](double x) { return x * x; }, -2, 2},
    {"reciprocal", reciprocal, [](double x) { return 1 / x; }, 0.3, 4},
    {"clamp", [](const Tensor& x) { return clamp(x, -0.5f, 0.25f); },
     [](double x) { return std::clamp(x, -0.5, 0.25); }, -1, 1},
    {"affine", [](const Tensor& x) { return affine(x, -1.5f, 0.75f); },
     [](double x) { return 0.75 - 1.5 * x; }, -2, 2},
    {"step", step, [](double x) { return x > 0 ? 1.0 : 0.0; }, -1, 1},
};

Array mapped(const Array& x, Function f) {
    Array y = x;
    for (double& v : y.values) v = f(v);
    return y;
}

float at(Tensor (*op)(const Tensor&), float x) { return values_of(op(constant({1}, {x})))[0]; }

}   // namespace

TEST_CASE("pointwise functions match their definitions", "[gpu]") {
    for (const Row& row : kRows)
        for (const Shape& shape : {Shape{3, 7, 5}, Shape{11, 12}})
            check({.name = row.name,
                   .inputs = {random_array(shape, 3, row.low, row.high)},
                   .build = [&](auto& x) { return row.op(x[0]); },
                   .reference = [&](auto& x) { return mapped(x[0], row.f); },
                   .tolerance = 3e-6});
}

TEST_CASE("saturating functions stay finite for huge arguments", "[gpu]") {
    for (float x : {1e4f, 1e20f, 3e38f, 100.0f, 89.0f}) {
        CHECK(at(sigmoid, x) == 1);
        CHECK(at(sigmoid, -x) < 1e-37f);
        CHECK(at(tanh, x) == 1);
        CHECK(at(tanh, -x) == -1);
        CHECK(at(erf, -x) == -1);
        CHECK(at(silu, x) == x);
        CHECK(std::fabs(at(silu, -x)) <= 20);
        CHECK(at(gelu, x) == x);
        CHECK(at(gelu_tanh, x) == x);
        CHECK(std::fabs(at(gelu_tanh, -x)) == 0);
        CHECK(at(quick_gelu, x) == x);
    }
    CHECK(std::fabs(at(silu, -1e4f)) < 1e-30f);
}

TEST_CASE("sine and cosine hold for arguments of thousands of radians", "[gpu]") {
    std::vector<float> x;
    for (int i = 0; i < 64; i++) x.push_back(float(i) * 31.4567f - 1000);
    std::vector<float> s = values_of(sin(constant({64}, x))), c = values_of(cos(constant({64}, x)));
    for (size_t i = 0; i < x.size(); i++) {
        CHECK(std::fabs(s[i] - std::sin(double(x[i]))) < 3e-7);
        CHECK(std::fabs(c[i] - std::cos(double(x[i]))) < 3e-7);
    }
}

TEST_CASE("operands that numpy would broadcast broadcast", "[gpu]") {
    struct {
        const char* name;
        Tensor (*op)(const Tensor&, const Tensor&);
        double (*f)(double, double);
    } rows[] = {{"add", add, [](double a, double b) { return a + b; }},
                {"sub", sub, [](double a, double b) { return a - b; }},
                {"mul", mul, [](double a, double b) { return a * b; }},
                {"div", div, [](double a, double b) { return a / b; }},
                {"maximum", maximum, [](double a, double b) { return std::max(a, b); }},
                {"minimum", minimum, [](double a, double b) { return std::min(a, b); }}};
    struct {
        Shape a, b, y;
    } shapes[] = {{{7}, {7}, {7}},
                  {{3, 5, 12}, {12}, {3, 5, 12}},
                  {{3, 1, 8}, {5, 1}, {3, 5, 8}},
                  {{2, 3, 5, 7}, {2, 1, 5, 1}, {2, 3, 5, 7}},
                  {{1}, {3, 4}, {3, 4}},
                  {{2, 1, 3, 1, 4}, {1, 5, 1, 2, 1}, {2, 5, 3, 2, 4}},
                  {{2, 1, 1, 16}, {2, 3, 4, 16}, {2, 3, 4, 16}}};
    for (auto& row : rows)
        for (auto& s : shapes) {
            // Away from ties, where maxima have no gradient, and from zero, where quotients
            // explode.
            check({.name = std::string(row.name) + to_string(s.a) + to_string(s.b),
                   .inputs = {random_array(s.a, 5, -1, 1), random_array(s.b, 6, 1.2, 2)},
                   .build = [&](auto& x) { return row.op(x[0], x[1]); },
                   .reference =
                       [&](auto& x) {
                           return Array(s.y, [&](const Index& i) {
                               return row.f(x[0].broadcast(i), x[1].broadcast(i));
                           });
                       },
                   .gradient = s.a.rank() > 1});
        }
    CHECK(error_of([] { add(input("a", {2, 3}), input("b", {2, 4})); }).find("[add]") == 0);
}

TEST_CASE("snake adds a squared sine by channel", "[gpu]") {
    for (const Shape& shape : {Shape{3, 5, 7}, Shape{2, 7, 24}, Shape{300, 8}})
        check({.name = "snake" + to_string(shape),
               .inputs = {random_array(shape, 9, -3, 3), random_array({shape[-1]}, 10, 0.2, 5),
                          random_array({shape[-1]}, 11, -1, 2)},
               .build = [](auto& x) { return snake(x[0], x[1], x[2]); },
               .reference =
                   [](auto& x) {
                       return Array(x[0].shape, [&](const Index& i) {
                           const double wave = std::sin(x[0](i) * x[1].broadcast(i));
                           return x[0](i) + x[2].broadcast(i) * wave * wave;
                       });
                   },
               .tolerance = 4e-6,
               .half_tolerance = 2e-2});   // of an angle that f16 holds to 1e-2
    CHECK(error_of([] {
              snake(input("x", {2, 3}), input("f", {3}), input("a", {2}));
          }).find("[snake]") == 0);
}

TEST_CASE("rotary embedding turns pairs of columns by position", "[gpu]") {
    struct Turned {
        int64_t n, s, heads, width, half;
    };
    for (const Turned& t : {Turned{2, 5, 3, 8, 4}, Turned{1, 7, 2, 64, 16}, Turned{2, 3, 5, 6, 2},
                            Turned{3, 11, 1, 5, 1}})
        check(
            {.name = "rotary " + std::to_string(t.width) + " " + std::to_string(t.half),
             .inputs = {random_array({t.n, t.s, t.heads * t.width}, 3, -2, 2),
                        random_array({t.s, 2, t.half}, 4)},
             .build = [&](auto& x) { return rotary_embedding(x[0], x[1], int(t.heads)); },
             .reference =
                 [&](auto& x) {
                     return Array(x[0].shape, [&](const Index& i) {
                         const int64_t column = i[2] % t.width;
                         if (column >= 2 * t.half) return x[0](i);
                         const bool first = column < t.half;
                         const int64_t pair = column % t.half;
                         const double other = x[0]({i[0], i[1], i[2] + (first ? t.half : -t.half)});
                         return x[0](i) * x[1]({i[1], 0, pair}) +
                                (first ? -1 : 1) * other * x[1]({i[1], 1, pair});
                     });
                 }});
    CHECK(error_of([] {
              rotary_embedding(input("x", {1, 2, 8}), input("t", {2, 2, 3}), 2);
          }).find("[rotary_embedding]") == 0);
}

TEST_CASE("geglu is the value times gelu of the gate", "[gpu]") {
    for (const Shape& shape : {Shape{3, 5, 14}, Shape{2, 7, 24}, Shape{300, 8}})
        check({.name = "geglu" + to_string(shape),
               .inputs = {random_array(shape, 9, -3, 3)},
               .build = [](auto& x) { return geglu(x[0]); },
               .reference =
                   [](auto& x) {
                       Shape half = x[0].shape;
                       half[-1] /= 2;
                       return Array(half, [&](Index i) {
                           double value = x[0](i);
                           i.back() += half[-1];
                           return value * gelu_of(x[0](i));
                       });
                   },
               .tolerance = 4e-6});
}

}   // namespace kiln::test
