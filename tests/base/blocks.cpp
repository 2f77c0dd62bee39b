// Quantised blocks against what the gguf package computes, and against themselves.
#include "runtime/base/blocks.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <random>

using namespace kiln;

namespace {

constexpr DType kBlockTypes[] = {DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0,
                                 DType::q5_1, DType::q4_k, DType::q5_k, DType::q6_k};

std::vector<float> normal(size_t count, float mean = 0) {
    std::mt19937 rng(7);
    std::normal_distribution<float> draw(mean, 1);
    std::vector<float> values(count);
    for (float& v : values) v = draw(rng);
    return values;
}

std::vector<float> through(DType type, const std::vector<float>& values) {
    std::vector<std::byte> bytes(bytes_of(type, int64_t(values.size())));
    from_f32(type, values.data(), bytes.data(), values.size());
    std::vector<float> back(values.size());
    to_f32(type, bytes.data(), back.data(), back.size());
    return back;
}

double relative_error(const std::vector<float>& a, const std::vector<float>& b) {
    double error = 0, size = 0;
    for (size_t i = 0; i < a.size(); i++)
        error += std::pow(double(a[i]) - b[i], 2), size += double(a[i]) * a[i];
    return std::sqrt(error / size);
}

}   // namespace

TEST_CASE("a block taken apart and put together again is the same block") {
    std::mt19937 rng(3);
    for (DType type : kBlockTypes) {
        const BlockFormat& f = block_format(type);
        CAPTURE(f.name);
        for (int n = 0; n < 20; n++) {
            std::vector<std::byte> block(size_t(f.bytes)), again(block.size());
            for (std::byte& b : block) b = std::byte(rng());
            const auto finite = [&](size_t at) { block[at + 1] &= std::byte(0xbf); };
            finite(f.bits == 6 ? 208 : 0);
            if (f.has_minima) finite(2);
            BlockValues values;
            unpack_block(f, block.data(), values);
            pack_block(f, values, again.data());
            REQUIRE(block == again);
        }
    }
}

TEST_CASE("any range of a tensor of blocks is read") {
    const std::vector<float> values = normal(1024);
    for (DType type : {DType::q4_0, DType::q5_k}) {
        std::vector<std::byte> bytes(bytes_of(type, 1024));
        from_f32(type, values.data(), bytes.data(), 1024);
        const std::vector<float> all = through(type, values);
        for (auto [first, count] : {std::pair<size_t, size_t>{0, 1024},
                                    {3, 5},
                                    {250, 600},
                                    {255, 1},
                                    {256, 256},
                                    {31, 993},
                                    {1024, 0}}) {
            CAPTURE(name_of(type), first, count);
            std::vector<float> part(count);
            to_f32(type, bytes.data(), first, count, part.data());
            CHECK(part == std::vector<float>(all.begin() + ptrdiff_t(first),
                                             all.begin() + ptrdiff_t(first + count)));
        }
    }
}

// Of standard normal values; a type's figure is what ggml's own quantiser reaches or better.
TEST_CASE("quantising keeps as much as the bits allow") {
    const std::vector<float> values = normal(64 * 256), shifted = normal(64 * 256, 2);
    const double limits[] = {0.0065, 0.095, 0.085, 0.048, 0.043, 0.074, 0.037, 0.0185};
    for (size_t i = 0; i < std::size(kBlockTypes); i++) {
        CAPTURE(name_of(kBlockTypes[i]));
        const double error = relative_error(values, through(kBlockTypes[i], values));
        CHECK(error < limits[i]);
        CHECK(error > limits[i] / 3);   // else the limit says nothing
        CHECK(relative_error(shifted, through(kBlockTypes[i], shifted)) < limits[i]);
    }
}

TEST_CASE("blocks of one value, zeros and tiny numbers stay what they are") {
    for (DType type : kBlockTypes) {
        CAPTURE(name_of(type));
        CHECK(through(type, std::vector<float>(256, 0.0f)) == std::vector<float>(256, 0.0f));
        for (float value : {1.0f, -1.0f, 1e-2f, 1e4f}) {
            CAPTURE(value);
            CHECK(relative_error(std::vector<float>(256, value),
                                 through(type, std::vector<float>(256, value))) < 0.02);
        }
    }
}
