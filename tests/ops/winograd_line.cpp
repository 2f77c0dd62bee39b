// Winograd's convolutions along a line against the double reference, and against direct ones where
// they go in bands. Errors are relative to the largest result.
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "tests/ops/products.h"
#include "tests/support/retuned.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr double kTolerance = 1e-5;

bool has_kernel(const Device& device) { return device.caps().texel_elements > 65536; }

bool is_winograd(const std::shared_ptr<Device>& device, const Tensor& y) {
    return take(Graph::compile(device, {y})).dump().find("winograd_line") != std::string::npos;
}

const std::vector<ConvCase> kCases = {
    {"three taps", {1, 37, 8}, {3, 8, 12}, {}, {1}, {1}},
    {"four taps, uneven padding", {2, 19, 4}, {4, 4, 8}, {}, {0}, {3}},
    {"seven taps, dilated", {1, 53, 12}, {7, 12, 8}, {}, {9}, {9}, {3}},
    {"eleven taps, dilated, a batch", {3, 101, 8}, {11, 8, 20}, {}, {25}, {25}, {5}},
    {"no padding", {1, 23, 8}, {5, 8, 4}},
    {"shorter than a tile", {2, 2, 4}, {3, 4, 4}, {}, {1}, {1}},
    {"a dilation beyond the line", {1, 3, 4}, {3, 4, 4}, {}, {7}, {7}, {7}},
    {"an image of one row", {1, 1, 29, 8}, {1, 7, 8, 8}, {}, {0, 3}, {0, 3}},
};

}   // namespace

TEST_CASE("Winograd's convolutions along a line come near the double reference", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    const DType dtype = GENERATE(DType::f32, DType::f16);
    Retuned retuned(device, Tuning::only("conv.winograd_line"));
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

TEST_CASE("Winograd's convolutions along a line add a row to each signal", "[gpu]") {
    auto device = test_device();
    Tensor x = operand(*device, {2, 30, 8}, fractions(480, 1)),
           w = operand(*device, {7, 8, 12}, fractions(672, 2)),
           row = operand(*device, {2, 1, 12}, fractions(24, 3));
    const Tensor y = conv(x, w, {}, {.pad_before = {6}, .pad_after = {6}, .dilation = {2}}) + row;
    const auto direct = values_of(device, y);
    Retuned retuned(device, Tuning::only("conv.winograd_line"));
    CHECK(is_winograd(device, y));
    CHECK(difference(values_of(device, y), doubles(direct)) < kTolerance);
}

TEST_CASE("Winograd's convolutions along a line go in bands of tiles and of columns", "[gpu]") {
    auto device = test_device();
    if (!has_kernel(*device)) SKIP("texel buffers are too small");
    const int64_t length = 1901, c = 1024, n = 260;
    Tensor x = operand(*device, {1, length, c}, fractions(length * c, 1)),
           w = operand(*device, {7, c, n}, fractions(7 * c * n, 2), DType::f16);
    const Tensor y = conv(x, w, {}, {.pad_before = {9}, .pad_after = {9}, .dilation = {3}});
    std::vector<float> direct;
    {
        Retuned retuned(device, Tuning::only("conv.direct"));
        CHECK(!is_winograd(device, y));
        direct = values_of(device, y);
    }
    Retuned retuned(device, Tuning::only("conv.winograd_line"));
    Graph graph = take(Graph::compile(device, {y}));
    CHECK(graph.stats().launches > 8);
    CHECK(difference(values_of(device, y), doubles(direct)) < kTolerance);
}
