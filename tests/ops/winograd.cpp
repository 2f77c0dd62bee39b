// Winograd's convolutions, over a plane and along a line, against the double reference, and against
// direct ones where they go in bands. Their transforms lose some three bits of f32: errors are
// relative to the largest result.
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

struct Filter {
    std::string name, kernel;   // to the tuning; in a dump
    std::vector<ConvCase> cases;
    ConvCase image;   // with a row added to each image
    ConvCase bands;   // of tiles and of columns
    size_t launches;
    double tolerance;   // of sums as long as those
};

const std::vector<Filter> kFilters = {
    {"conv.winograd 4x4",
     "winograd_output",
     {{"odd sizes", {1, 9, 7, 8}, {3, 3, 8, 12}, {}, {1, 1}, {1, 1}},
      {"a batch", {3, 6, 13, 20}, {3, 3, 20, 36}, {}, {1, 1}, {1, 1}},
      {"uneven padding", {2, 8, 5, 4}, {3, 3, 4, 8}, {}, {0, 2}, {3, 1}},
      {"smaller than a tile", {2, 1, 2, 4}, {3, 3, 4, 4}, {}, {1, 1}, {1, 1}},
      {"many channels", {1, 8, 8, 320}, {3, 3, 320, 24}, {}, {1, 1}, {1, 1}}},
     {"", {2, 6, 5, 8}, {3, 3, 8, 12}, {}, {1, 1}, {1, 1}},
     {"", {1, 41, 41, 2048}, {3, 3, 2048, 100}, {}, {1, 1}, {1, 1}},
     2 * (1 + 2 * 3),
     1e-4},
    {"conv.winograd_line 4",
     "winograd_line_output",
     {{"three taps", {1, 37, 8}, {3, 8, 12}, {}, {1}, {1}},
      {"four taps, uneven padding", {2, 19, 4}, {4, 4, 8}, {}, {0}, {3}},
      {"seven taps, dilated", {1, 53, 12}, {7, 12, 8}, {}, {9}, {9}, {3}},
      {"eleven taps, dilated, a batch", {3, 101, 8}, {11, 8, 20}, {}, {25}, {25}, {5}},
      {"no padding", {1, 23, 8}, {5, 8, 4}},
      {"shorter than a tile", {2, 2, 4}, {3, 4, 4}, {}, {1}, {1}},
      {"a dilation beyond the line", {1, 3, 4}, {3, 4, 4}, {}, {7}, {7}, {7}},
      {"an image of one row", {1, 1, 29, 8}, {1, 7, 8, 8}, {}, {0, 3}, {0, 3}}},
     {"", {2, 30, 8}, {7, 8, 12}, {}, {6}, {6}, {2}},
     {"", {1, 1901, 1024}, {7, 1024, 260}, {}, {9}, {9}, {3}},
     9,
     kTolerance}};

bool goes_by(const Filter& filter, const std::shared_ptr<Device>& device, const Tensor& y) {
    return take(Graph::compile(device, {y})).dump().find(filter.kernel) != std::string::npos;
}

Tensor conv_of(Device& device, const ConvCase& c, DType weights) {
    return conv(operand(device, c.x, fractions(c.x.count(), 1)),
                operand(device, c.w, fractions(c.w.count(), 2), weights), {}, c.options());
}

}   // namespace

TEST_CASE("Winograd's convolutions come near the double reference", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    const DType dtype = GENERATE(DType::f32, DType::f16);
    const Filter& filter = GENERATE(from_range(kFilters));
    Retuned retuned(device, Tuning::only(filter.name));
    for (const ConvCase& c : filter.cases) {
        INFO(c.name << " " << name_of(dtype) << " " << device->caps().profile);
        const auto x = fractions(c.x.count(), 1), w = fractions(c.w.count(), 2),
                   bias = fractions(c.w[-1], 3);
        Tensor y = conv(operand(*device, c.x, x, dtype), operand(*device, c.w, w, DType::f16),
                        operand(*device, {c.w[-1]}, bias), c.options());
        const auto residual = fractions(y.shape().count(), 4);
        y = relu(y) + operand(*device, y.shape(), residual, dtype);
        if (has_kernel(*device)) CHECK(goes_by(filter, device, y));
        Doubles expected = conv_reference(c, doubles(x), doubles(w), y.shape());
        for (size_t i = 0; i < expected.size(); i++)
            expected[i] = std::max(expected[i] + bias[i % bias.size()], 0.0) + residual[i];
        const double storing = dtype == DType::f16 ? 1.0 / 2048 : 0;
        CHECK(difference(values_of(device, y), expected) < kTolerance + storing);
    }
    check_silent(*device);
}

TEST_CASE("Winograd's transposed convolutions come near the double reference", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    const Filter& filter = kFilters[0];
    Retuned retuned(device, Tuning::only(filter.name));
    for (const ConvCase& c : filter.cases) {
        if (c.x[1] < 3) continue;
        INFO(c.name << " " << device->caps().profile);
        const auto x = fractions(c.x.count(), 1), w = fractions(c.w.count(), 2);
        const Tensor y = conv_transpose(operand(*device, c.x, x),
                                        operand(*device, c.w, w, DType::f16), {}, c.transposed());
        if (has_kernel(*device)) CHECK(goes_by(filter, device, y));
        const Doubles expected = conv_transpose_reference(c, doubles(x), doubles(w), y.shape());
        CHECK(difference(values_of(device, y), expected) < kTolerance);
    }
}

TEST_CASE("Winograd's convolutions add a row to each image", "[gpu]") {
    auto device = test_device();
    const Filter& filter = GENERATE(from_range(kFilters));
    INFO(filter.name);
    Tensor y = conv_of(*device, filter.image, DType::f32);
    Shape row = y.shape();
    for (int i = 1; i + 1 < row.rank(); i++) row.dims[size_t(i)] = 1;
    y = y + operand(*device, row, fractions(row.count(), 3));
    const auto direct = values_of(device, y);
    Retuned retuned(device, Tuning::only(filter.name));
    CHECK(goes_by(filter, device, y));
    CHECK(difference(values_of(device, y), doubles(direct)) < kTolerance);
}

TEST_CASE("Winograd's convolutions go in bands of tiles and of columns", "[gpu]") {
    auto device = test_device();
    if (!has_kernel(*device)) SKIP("texel buffers are too small");
    const Filter& filter = GENERATE(from_range(kFilters));
    INFO(filter.name);
    const Tensor y = conv_of(*device, filter.bands, DType::f16);
    std::vector<float> direct;
    {
        Retuned retuned(device, Tuning::only("conv.direct"));
        CHECK(!goes_by(filter, device, y));
        direct = values_of(device, y);
    }
    Retuned retuned(device, Tuning::only(filter.name));
    Graph graph = take(Graph::compile(device, {y}));
    CHECK(graph.stats().launches >= filter.launches);
    CHECK(difference(values_of(device, y), doubles(direct)) < filter.tolerance);
}

TEST_CASE("convolutions of many pixels go by Winograd on drivers that run on the CPU", "[gpu]") {
    auto device = test_device();
    if (device->caps().kind != DeviceKind::cpu || !has_kernel(*device)) SKIP("another device");
    const auto chosen = [&](int64_t side, int64_t channels) {
        const Tensor x = input("x", {1, side, side, channels}),
                     w = input("w", {3, 3, channels, channels}, DType::f16);
        return goes_by(kFilters[0], device,
                       conv(x, w, {}, {.pad_before = {1, 1}, .pad_after = {1, 1}}));
    };
    CHECK(chosen(64, 320));
    CHECK(chosen(128, 128));
    CHECK(!chosen(8, 1280));
    CHECK(!chosen(9, 8));
}
