// The linear stand-in for an encoder: exact where the encoder is linear in what it sees.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>

#include "modalities/diffusion/linear_encoder.h"
#include "modalities/diffusion/rng.h"

using namespace kiln;
using Catch::Matchers::WithinAbs;

namespace {

PriorInfo info_of(int cell) {
    return {.channels = 5,
            .height = 3,
            .width = 4,
            .picture_height = 3 * 4 * cell,
            .picture_width = 4 * 4 * cell};
}

std::vector<float> normal(size_t count, uint64_t seed) {
    std::vector<float> values(count);
    TorchGenerator(seed).normal(values);
    return values;
}

// Each channel a constant and its own weights of the mean colours of the latent's four quarters.
std::vector<float> quarters(const PriorInfo& info, const std::vector<float>& pictures) {
    const std::vector<float> weights = normal(size_t(info.channels) * 12, 9);
    const size_t area = size_t(info.height) * size_t(info.width), m = size_t(info.channels);
    const int side = info.picture_width / info.width, half = side / 2;
    std::vector<float> latents(pictures.size() / info.picture_size() * m * area);
    for (size_t i = 0; i < latents.size(); i++) latents[i] = 0.3f * float(i / area % m);
    for (size_t at = 0; at < pictures.size(); at++) {
        const size_t n = at / info.picture_size(), in = at % info.picture_size(), c = in % 3;
        const int x = int(in / 3) % info.picture_width, y = int(in / 3) / info.picture_width;
        const size_t quarter = size_t(y / half % 2 * 2 + x / half % 2),
                     place = size_t(y / side * info.width + x / side);
        for (size_t k = 0; k < m; k++)
            latents[(n * m + k) * area + place] +=
                weights[k * 12 + quarter * 3 + c] * pictures[at] / float(half * half);
    }
    return latents;
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++) sum += double(a[i]) * double(b[i]);
    return sum;
}

}   // namespace

TEST_CASE("a linear encoder is learned from examples") {
    const PriorInfo info = info_of(GENERATE(1, 2));
    LinearEncoder linear(info);
    const std::vector<float> examples = normal(24 * info.picture_size(), 1),
                             others = normal(2 * info.picture_size(), 2);
    CHECK(linear.unexplained(others, quarters(info, others)) > 0.9);
    linear.learn(examples, quarters(info, examples));
    linear.solve();
    CHECK(linear.unexplained(others, quarters(info, others)) < 1e-4);
}

TEST_CASE("what was learned long ago counts less") {
    const PriorInfo info = info_of(1);
    LinearEncoder linear(info);
    const std::vector<float> examples = normal(24 * info.picture_size(), 1);
    std::vector<float> wrong = quarters(info, examples);
    for (float& value : wrong) value = -value;
    linear.learn(examples, wrong);
    linear.learn(examples, quarters(info, examples), 1e-4);
    linear.solve();
    CHECK(linear.unexplained(examples, quarters(info, examples)) < 1e-3);
}

TEST_CASE("the gradient of a linear encoder is its transpose") {
    const PriorInfo info = info_of(2);
    LinearEncoder linear(info);
    const std::vector<float> examples = normal(8 * info.picture_size(), 3);
    linear.learn(examples, normal(8 * info.latent_size(), 4));
    linear.solve();
    const std::vector<float> x = normal(2 * info.picture_size(), 5),
                             y = normal(2 * info.latent_size(), 6),
                             zero(2 * info.picture_size(), 0.0f);
    const double constant = dot(take(linear.encode(zero)), y),
                 there = dot(take(linear.encode(x)), y) - constant,
                 back = dot(take(linear.pull_back(y)), x);
    CHECK_THAT(there, WithinAbs(back, 1e-4 * std::abs(back)));
    CHECK(std::abs(back) > 1e-3);
}
