#include <catch2/generators/catch_generators_range.hpp>

#include "tests/ops/products.h"

using namespace kiln;
using namespace kiln::test;

namespace {

const std::vector<ConvCase> kCases = {
    {"stride 2", {1, 5, 4, 8}, {4, 4, 8, 12}, {2, 2}, {1, 1}, {1, 1}},
    {"stride 1", {2, 5, 6, 4}, {3, 3, 4, 8}, {}, {1, 1}, {1, 1}},
    {"odd channels, output padding",
     {1, 4, 5, 3},
     {3, 3, 3, 5},
     {2, 3},
     {1, 0},
     {0, 1},
     {},
     {1, 2}},
    {"dilation", {1, 4, 5, 6}, {3, 2, 6, 4}, {2, 1}, {1, 0}, {1, 0}, {2, 3}},
    {"one dimension, stride 5", {2, 7, 5}, {10, 5, 6}, {5}, {2}, {3}},
    {"phases", {1, 9, 8}, {16, 8, 12}, {8}, {4}, {4}},
    {"phases of unequal taps", {1, 37, 4}, {7, 4, 8}, {3}, {2}, {1}, {}, {2}},
    {"phases of unequal length", {1, 5, 12}, {16, 12, 4}, {5}, {5}, {5}},
    {"phases of several signals", {3, 7, 4}, {4, 4, 36}, {2}, {1}, {1}},
    {"several signals whose length is no whole stride", {2, 7, 4}, {5, 4, 4}, {2}, {1}, {1}},
    {"a kernel shorter than its stride", {1, 7, 4}, {2, 4, 4}, {3}, {0}, {0}},
    {"groups", {1, 4, 3, 8}, {3, 3, 8, 3}, {2, 2}, {1, 1}, {1, 1}, {}, {}, 2},
};

}   // namespace

TEST_CASE("conv_transpose equals the double reference exactly on small integers", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    for (const ConvCase& c : kCases)
        for (DType type : {DType::f32, DType::f16}) {
            if (type == DType::f16 && c.w.count() % 4) continue;
            INFO(c.name << " " << name_of(type));
            int64_t columns = c.w[-1] * c.groups;
            auto x = integers(c.x.count(), 1), w = integers(c.w.count(), 2),
                 bias = integers(columns, 3);
            Tensor y = conv_transpose(operand(*device, c.x, x), operand(*device, c.w, w, type),
                                      operand(*device, {columns}, bias), c.transposed());
            Doubles expected = conv_transpose_reference(c, doubles(x), doubles(w), y.shape());
            for (size_t i = 0; i < expected.size(); i++) expected[i] += bias[i % bias.size()];
            CHECK(difference(values_of(device, y), expected) == 0);
        }
    check_silent(*device);
}

TEST_CASE("the gradients of conv_transpose are those of the reference", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    for (const ConvCase& c : kCases) {
        INFO(c.name);
        auto x = integers(c.x.count(), 1), w = integers(c.w.count(), 2);
        Tensor tx = operand(*device, c.x, x), tw = operand(*device, c.w, w);
        Tensor y = conv_transpose(tx, tw, {}, c.transposed());
        auto r = integers(y.shape().count(), 4);
        auto grads = gradient(y, operand(*device, y.shape(), r), {tx, tw});
        auto of_x = [&](const Doubles& v) {
            return conv_transpose_reference(c, v, doubles(w), y.shape());
        };
        auto of_w = [&](const Doubles& v) {
            return conv_transpose_reference(c, doubles(x), v, y.shape());
        };
        CHECK(difference(values_of(device, grads[0]),
                         linear_gradient(of_x, doubles(x), doubles(r))) == 0);
        CHECK(difference(values_of(device, grads[1]),
                         linear_gradient(of_w, doubles(w), doubles(r))) == 0);
    }
}

TEST_CASE("phases of conv_transpose take in what follows", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    const int64_t images = GENERATE(1, 2);
    const bool row = GENERATE(false, true);
    const Shape x{images, 7, 4}, w{4, 4, 8}, out{images, 14, 8};
    const Shape added = row ? Shape{images, 1, 8} : out;
    Tensor y = conv_transpose(operand(*device, x, integers(x.count(), 1)),
                              operand(*device, w, integers(w.count(), 2)),
                              operand(*device, {8}, integers(8, 3)), {{2}, {1}, {1}, {}, {}});
    REQUIRE(y.shape() == out);
    y = relu(y) + operand(*device, added, integers(added.count(), 4));
    CHECK(values_of(device, y) == take(evaluate(device, y, {.fuse = false})));
}
