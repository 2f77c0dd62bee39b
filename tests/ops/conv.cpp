#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "tests/ops/products.h"

using namespace kiln;
using namespace kiln::test;

namespace {

const std::vector<ConvCase> kCases = {
    {"3x3", {1, 9, 7, 8}, {3, 3, 8, 12}, {}, {1, 1}, {1, 1}},
    {"3x3 of a batch, odd channels", {2, 5, 6, 3}, {3, 3, 3, 5}, {}, {1, 1}, {1, 1}},
    {"stride 2, asymmetric padding", {2, 8, 10, 4}, {3, 3, 4, 9}, {2, 2}, {0, 0}, {1, 1}},
    {"stride 2, a column left over", {1, 8, 7, 4}, {3, 3, 4, 8}, {2, 2}, {1, 1}, {1, 1}},
    {"strides 2 and 3, uneven padding", {1, 6, 9, 4}, {4, 3, 4, 8}, {2, 3}, {1, 2}, {2, 1}},
    {"stride 4, pixels left over", {2, 12, 8, 4}, {5, 4, 4, 4}, {4, 4}},
    {"dilation", {1, 11, 9, 5}, {3, 2, 5, 4}, {1, 2}, {2, 0}, {2, 3}, {2, 3}},
    {"1x1", {2, 5, 7, 12}, {1, 1, 12, 20}},
    {"one dimension", {2, 23, 6}, {5, 6, 7}, {3}, {2}, {1}},
    {"three dimensions", {1, 4, 5, 6, 3}, {3, 2, 3, 3, 4}, {1, 2, 1}, {1, 0, 1}, {1, 1, 1}},
    {"groups of four", {2, 6, 5, 8}, {3, 3, 4, 16}, {}, {1, 1}, {1, 1}, {}, {}, 2},
    {"groups of three", {1, 6, 5, 9}, {3, 3, 3, 6}, {}, {1, 1}, {1, 1}, {}, {}, 3},
    {"depthwise", {1, 7, 6, 10}, {3, 3, 1, 10}, {2, 1}, {1, 1}, {1, 1}, {}, {}, 10},
    {"many channels", {1, 5, 5, 67}, {3, 3, 67, 70}, {}, {1, 1}, {1, 1}},
};

}   // namespace

TEST_CASE("conv equals the double reference exactly on small integers", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    for (const ConvCase& c : kCases)
        for (DType type : {DType::f32, DType::f16}) {
            if (type == DType::f16 && c.w.count() % 4) continue;
            INFO(c.name << " " << name_of(type));
            auto x = integers(c.x.count(), 1), w = integers(c.w.count(), 2),
                 bias = integers(c.w[-1], 3);
            Tensor y = conv(operand(*device, c.x, x), operand(*device, c.w, w, type),
                            operand(*device, {c.w[-1]}, bias), c.options());
            Doubles expected = conv_reference(c, doubles(x), doubles(w), y.shape());
            for (size_t i = 0; i < expected.size(); i++) expected[i] += bias[i % bias.size()];
            CHECK(difference(values_of(device, y), expected) == 0);
        }
    check_silent(*device);
}

TEST_CASE("conv of f16 activations is exact on small integers", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    ConvCase c = GENERATE(kCases[0], kCases[5], kCases[8]);
    auto x = integers(c.x.count(), 1), w = integers(c.w.count(), 2), bias = integers(c.w[-1], 3);
    Tensor y = conv(operand(*device, c.x, x, DType::f16), operand(*device, c.w, w, DType::f16),
                    operand(*device, {c.w[-1]}, bias, DType::f16), c.options());
    REQUIRE(y.dtype() == DType::f16);
    Doubles expected = conv_reference(c, doubles(x), doubles(w), y.shape());
    for (size_t i = 0; i < expected.size(); i++) expected[i] += bias[i % bias.size()];
    CHECK(difference(values_of(device, y), expected) == 0);
}

TEST_CASE("conv absorbs what follows it", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    int64_t n = GENERATE(8, 5);
    Tensor x = operand(*device, {2, 6, 5, 4}, fractions(240, 1)),
           w = operand(*device, {3, 3, 4, n}, fractions(36 * n, 2));
    Tensor bias = operand(*device, {n}, fractions(n, 3)),
           same = operand(*device, {2, 6, 5, n}, fractions(60 * n, 4));
    Tensor image = operand(*device, {2, 1, 1, n}, fractions(2 * n, 5));
    ConvOptions options{.pad_before = {1, 1}, .pad_after = {1, 1}};
    for (const Tensor& y : {relu(conv(x, w, bias, options)) + same,
                            conv(x, w, bias, options) + image, gelu(conv(x, w, {}, options))}) {
        Graph fused = take(Graph::compile(device, {y}));
        Graph apart = take(Graph::compile(device, {y}, {.fuse = false}));
        if (n % 4 == 0)
            CHECK(fused.stats().launches < apart.stats().launches);   // else a copy takes its place
        CHECK(difference(values_of(device, y), doubles(values_of(device, y, false))) < 1e-6);
    }
}

TEST_CASE("the gradients of conv are those of the reference", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    for (const ConvCase& c : kCases) {
        if (c.x.count() * c.w.count() > 300000) continue;
        INFO(c.name);
        auto x = integers(c.x.count(), 1), w = integers(c.w.count(), 2);
        Tensor tx = operand(*device, c.x, x), tw = operand(*device, c.w, w),
               tb = operand(*device, {c.w[-1]}, integers(c.w[-1], 3));
        Tensor y = conv(tx, tw, tb, c.options());
        auto r = integers(y.shape().count(), 4);
        auto grads = gradient(y, operand(*device, y.shape(), r), {tx, tw, tb});
        auto of_x = [&](const Doubles& v) { return conv_reference(c, v, doubles(w), y.shape()); };
        auto of_w = [&](const Doubles& v) { return conv_reference(c, doubles(x), v, y.shape()); };
        Doubles of_bias(size_t(c.w[-1]));
        for (size_t i = 0; i < r.size(); i++) of_bias[i % of_bias.size()] += r[i];
        CHECK(difference(values_of(device, grads[0]),
                         linear_gradient(of_x, doubles(x), doubles(r))) == 0);
        CHECK(difference(values_of(device, grads[1]),
                         linear_gradient(of_w, doubles(w), doubles(r))) == 0);
        CHECK(difference(values_of(device, grads[2]), of_bias) == 0);
    }
}

TEST_CASE("convolutions that do not fit are model errors", "[ops]") {
    Tensor x = input("x", {1, 8, 8, 4});
    CHECK_THROWS_AS(conv(x, input("w", {3, 3, 5, 8})), ModelError);
    CHECK_THROWS_AS(conv(x, input("w", {3, 4, 8})), ModelError);
    CHECK_THROWS_AS(conv(x, input("w", {9, 9, 4, 8})), ModelError);
    CHECK_THROWS_AS(conv(x, input("w", {3, 3, 4, 8}), input("b", {4})), ModelError);
    CHECK_THROWS_AS(conv(x, input("w", {3, 3, 4, 8}), {}, {.stride = {1}}), ModelError);
    CHECK_THROWS_AS(conv(x, input("w", {3, 3, 4, 8}), {}, {.stride = {0, 1}}), ModelError);
}
