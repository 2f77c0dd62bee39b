// Winograd's convolutions against the double reference, and against direct ones where they go in
// bands. Their transforms lose some three bits of f32: errors are relative to the largest result.
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "tests/ops/products.h"
#include "tests/support/retuned.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr double kTolerance = 1e-5;

// For all sizes: with small texel buffers only for some.
bool has_kernel(const Device& device) { return device.caps().texel_elements > 65536; }

bool is_winograd(const std::shared_ptr<Device>& device, const Tensor& y) {
    return take(Graph::compile(device, {y})).dump().find("winograd") != std::string::npos;
}

const std::vector<ConvCase> kCases = {
    {"odd sizes", {1, 9, 7, 8}, {3, 3, 8, 12}, {}, {1, 1}, {1, 1}},
    {"a batch", {3, 6, 13, 20}, {3, 3, 20, 36}, {}, {1, 1}, {1, 1}},
    {"uneven padding", {2, 8, 5, 4}, {3, 3, 4, 8}, {}, {0, 2}, {3, 1}},
    {"smaller than a tile", {2, 1, 2, 4}, {3, 3, 4, 4}, {}, {1, 1}, {1, 1}},
    {"many channels", {1, 8, 8, 320}, {3, 3, 320, 24}, {}, {1, 1}, {1, 1}},
};

}   // namespace

TEST_CASE("Winograd's convolutions come near the double reference", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    const DType dtype = GENERATE(DType::f32, DType::f16);
    Retuned retuned(device, Tuning::only("conv.winograd"));
    for (const ConvCase& c : kCases) {
        INFO(c.name << " " << name_of(dtype) << " " << device->caps().profile);
        const auto x = fractions(c.x.count(), 1), w = fractions(c.w.count(), 2),
                   bias = fractions(c.w[-1], 3);
        Tensor y = conv(operand(*device, c.x, x, dtype), operand(*device, c.w, w, DType::f16),
                        operand(*device, {c.w[-1]}, bias), c.options());
        const auto residual = fractions(y.shape().count(), 4);
        y = relu(y) + operand(*device, y.shape(), residual, dtype);
        if (has_kernel(*device)) CHECK(is_winograd(device, y));
        Doubles expected = conv_reference(c, doubles(x), doubles(w), y.shape());
        for (size_t i = 0; i < expected.size(); i++)
            expected[i] = std::max(expected[i] + bias[i % bias.size()], 0.0) + residual[i];
        const double storing = dtype == DType::f16 ? 1.0 / 2048 : 0;
        CHECK(difference(values_of(device, y), expected) < kTolerance + storing);
    }
    check_silent(*device);
}

TEST_CASE("Winograd's convolutions add a row to each image", "[gpu]") {
    auto device = test_device();
    Tensor x = operand(*device, {2, 6, 5, 8}, fractions(480, 1)),
           w = operand(*device, {3, 3, 8, 12}, fractions(864, 2)),
           image = operand(*device, {2, 1, 1, 12}, fractions(24, 3));
    const Tensor y = conv(x, w, {}, {.pad_before = {1, 1}, .pad_after = {1, 1}}) + image;
    const auto direct = values_of(device, y);
    Retuned retuned(device, Tuning::only("conv.winograd"));
    CHECK(is_winograd(device, y));
    CHECK(difference(values_of(device, y), doubles(direct)) < kTolerance);
}

TEST_CASE("Winograd's convolutions go in bands of tiles and of columns", "[gpu]") {
    auto device = test_device();
    if (!has_kernel(*device)) SKIP("texel buffers are too small");
    const int64_t side = 41, c = 2048, n = 100;
    Tensor x = operand(*device, {1, side, side, c}, fractions(side * side * c, 1)),
           w = operand(*device, {3, 3, c, n}, fractions(9 * c * n, 2), DType::f16);
    const Tensor y = conv(x, w, {}, {.pad_before = {1, 1}, .pad_after = {1, 1}});
    std::vector<float> direct;
    {
        Retuned retuned(device, Tuning::only("conv.direct"));
        CHECK(!is_winograd(device, y));
        direct = values_of(device, y);
    }
    Retuned retuned(device, Tuning::only("conv.winograd"));
    Graph graph = take(Graph::compile(device, {y}));
    CHECK(graph.stats().launches >= 2 * (1 + 2 * 3));
    CHECK(difference(values_of(device, y), doubles(direct)) < 1e-4);   // after sums of 18432
}

TEST_CASE("convolutions of many pixels go by Winograd on drivers that run on the CPU", "[gpu]") {
    auto device = test_device();
    if (device->caps().kind != DeviceKind::cpu || !has_kernel(*device)) SKIP("another device");
    const auto chosen = [&](int64_t side, int64_t channels) {
        const Tensor x = input("x", {1, side, side, channels}),
                     w = input("w", {3, 3, channels, channels}, DType::f16);
        return is_winograd(device, conv(x, w, {}, {.pad_before = {1, 1}, .pad_after = {1, 1}}));
    };
    CHECK(chosen(64, 320));
    CHECK(chosen(128, 128));
    CHECK(!chosen(8, 1280));
    CHECK(!chosen(9, 8));
}
