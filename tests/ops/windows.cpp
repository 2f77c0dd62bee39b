#include <cmath>

#include <catch2/catch_test_macros.hpp>

#include "runtime/ops/spread.h"
#include "tests/ops/cases.h"
#include "tests/support/device.h"

namespace kiln::test {
namespace {

Caps small_caps() {
    Caps caps;
    caps.binding_range = 4096;
    caps.offset_alignment = 256;
    return caps;
}

// A tensor of 129 MiB, more than a portable binding holds, and a value for each of its elements.
constexpr int64_t kRows = 1031, kColumns = 1025, kChannels = 32;
float value_at(size_t i) { return float(i % 251) / 125 - 1; }

std::vector<float> run_large(const std::function<Tensor(const Tensor&)>& f) {
    Tensor x = input("x", {1, kRows, kColumns, kChannels});
    std::vector<float> values(size_t(x.shape().count()));
    for (size_t i = 0; i < values.size(); i++) values[i] = value_at(i);
    Graph graph = take(Graph::compile(test_device("minimal"), {f(x)}));
    take(graph.write(x, values));
    take(graph.run());
    return take(graph.read());
}

size_t count_wrong(const std::vector<float>& y, const std::function<double(size_t)>& expected,
                   double tolerance) {
    size_t wrong = 0;
    for (size_t i = 0; i < y.size(); i++) wrong += !(std::fabs(y[i] - expected(i)) <= tolerance);
    return wrong;
}

}   // namespace

TEST_CASE("bands cover every step once and fit the binding range") {
    Caps caps = small_caps();
    for (uint64_t outer : {1u, 7u, 100u})
        for (uint64_t stride : {16u, 272u, 1000u}) {
            std::vector<Band> all = bands(caps, outer, {{stride, stride + 64}, {0, 4096}});
            uint64_t next = 0;
            for (Band band : all) {
                CHECK(band.begin == next);
                next = band.end;
                uint64_t from = band.begin * stride,
                         bytes = (band.end - band.begin - 1) * stride + stride + 64;
                Operand operand{.slot = 0, .offset = 0, .size = outer * stride + 64};
                Window w = window(caps, operand, from, bytes, 4);
                CHECK(w.operand.size <= caps.binding_range);
                CHECK(w.operand.offset % caps.offset_alignment == 0);
                CHECK(w.operand.offset + w.base * 4 == from);
                CHECK(w.operand.offset + w.operand.size >= from + bytes);
            }
            CHECK(next == outer);
        }
}

TEST_CASE("grids fold into x and y") {
    Caps caps;
    for (uint64_t groups : {1u, 65535u, 65536u, 1000000u}) {
        Grid grid = fold(caps, groups);
        CHECK(uint64_t(grid[0]) * grid[1] >= groups);
        CHECK(grid[0] <= 65535);
        CHECK(uint64_t(grid[0]) * grid[1] < groups + grid[1]);
    }
}

// By name only (test_ops "[large]"): each holds half a gigabyte.
TEST_CASE("tensors beyond the binding range are processed in windows", "[.][large][gpu]") {
    size_t row = size_t(kColumns * kChannels);
    CHECK(count_wrong(
              run_large([](auto& x) { return affine(x, 2, 1); }),
              [](size_t i) { return 2 * value_at(i) + 1; }, 1e-6) == 0);
    std::vector<float> bias;
    for (int i = 0; i < kChannels; i++) bias.push_back(float(i));
    CHECK(count_wrong(
              run_large([&](auto& x) { return x * x + constant({kChannels}, bias); }),
              [](size_t i) { return double(value_at(i)) * value_at(i) + double(i % kChannels); },
              1e-5) == 0);
    CHECK(count_wrong(
              run_large([](auto& x) { return slice(x, 1, 1, kRows); }),
              [&](size_t i) { return value_at(i + row); }, 0) == 0);
    CHECK(count_wrong(
              run_large([](auto& x) {
                  return concat({slice(x, 1, 0, 5), x}, 1);
              }),
              [&](size_t i) { return value_at(i < 5 * row ? i : i - 5 * row); }, 0) == 0);
    CHECK(count_wrong(
              run_large([](auto& x) {
                  return slice(upsample_nearest(x, 2 * kRows, kColumns), 1, kRows, 2 * kRows);
              }),
              [&](size_t i) { return value_at((size_t(kRows) + i / row) / 2 * row + i % row); },
              0) == 0);
    // Every group sees all 251 values about equally often: mean 0, variance that of the ramp.
    double square = 0;
    for (size_t i = 0; i < 251; i++) square += double(value_at(i)) * value_at(i) / 251;
    double scale = 1 / std::sqrt(square + 1e-5);
    CHECK(count_wrong(
              run_large([](auto& x) { return group_norm(x, 8, {}, {}, 1e-5f); }),
              [&](size_t i) { return value_at(i) * scale; }, 1e-3) == 0);
    auto row_normed = [](size_t i) {
        double mean = 0, variance = 0;
        size_t begin = i / kChannels * kChannels;
        for (size_t k = 0; k < kChannels; k++) mean += value_at(begin + k) / kChannels;
        for (size_t k = 0; k < kChannels; k++)
            variance += std::pow(value_at(begin + k) - mean, 2) / kChannels;
        return (value_at(i) - mean) / std::sqrt(variance + 1e-5);
    };
    CHECK(count_wrong(run_large([](auto& x) { return layer_norm(x, {}, {}, 1e-5f); }), row_normed,
                      1e-4) == 0);
}

}   // namespace kiln::test
