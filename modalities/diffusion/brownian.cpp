// Virtual Brownian tree (Li, Wong, Chen and Duvenaud, "Scalable Gradients for Stochastic
// Differential Equations", 2020, section 4), with the seeds and the bisection of torchsde. Nothing
// is stored: a query walks down from the root, and draws the few dozen bridges on its way again.
#include "modalities/diffusion/brownian.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "modalities/diffusion/rng.h"
#include "runtime/base/check.h"

namespace kiln {
namespace {

constexpr int kPoolSize = 24;

// Python's round(value, 6): the decimal nearest to the exact value.
double round_to_micro(double value) {
    char text[64];
    const auto printed =
        std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 6);
    double rounded = value;
    std::from_chars(text, printed.ptr, rounded);
    return rounded;
}

std::vector<float> draw(uint32_t seed, size_t count) {
    std::vector<float> values(count);
    TorchGenerator(seed).normal(values);
    return values;
}

}   // namespace

struct BrownianTree::Query {
    double from, to;
    uint64_t entropy;
    std::span<float> sum;
};

BrownianTree::BrownianTree(double sigma_min, double sigma_max, size_t count,
                           std::vector<uint64_t> seeds)
    : start_(sigma_min), end_(sigma_max), count_(count), seeds_(std::move(seeds)) {
    ensure(start_ < end_, "a Brownian tree spans a range");
    ensure(!seeds_.empty() && count_ % seeds_.size() == 0, "one seed a sample");
}

void BrownianTree::descend(const Query& query, double start, double end, uint32_t key,
                           uint32_t depth, std::vector<float> increment) const {
    if (query.to <= start || query.from >= end) return;
    if (query.from <= start && end <= query.to) {
        for (size_t i = 0; i < increment.size(); ++i) query.sum[i] += increment[i];
        return;
    }
    const double middle = round_to_micro(0.5 * (end + start));
    const uint32_t spawn_key[] = {key, depth};
    const uint32_t seed = seed_sequence(query.entropy, spawn_key, kPoolSize, 1)[0];
    const double before = middle - start, after = end - middle, inverse = 1 / (end - start);
    const float ratio = float(inverse), left_length = float(before);
    const float deviation = float(std::sqrt(before * after * inverse));

    std::vector<float> left = draw(seed, increment.size());
    for (size_t i = 0; i < left.size(); ++i) {
        const float mean = (left_length * increment[i]) * ratio;
        left[i] = mean + deviation * left[i];
        increment[i] -= left[i];
    }
    descend(query, start, middle, 2 * key, depth + 1, std::move(left));
    descend(query, middle, end, 2 * key + 1, depth + 1, std::move(increment));
}

void BrownianTree::noise(double sigma, double sigma_next, std::span<float> out) const {
    ensure(out.size() == count_, "noise of the size of the tree");
    const size_t each = count_ / seeds_.size();
    std::fill(out.begin(), out.end(), 0.0f);
    const double from = std::clamp(std::min(sigma, sigma_next), start_, end_);
    const double to = std::clamp(std::max(sigma, sigma_next), start_, end_);
    for (size_t i = 0; i < seeds_.size(); ++i) {
        const Query query{round_to_micro(from), round_to_micro(to), seeds_[i],
                          out.subspan(i * each, each)};
        std::vector<float> whole = draw(seed_sequence(seeds_[i], {}, kPoolSize, 3)[0], each);
        for (float& value : whole) value *= float(std::sqrt(end_ - start_));
        descend(query, round_to_micro(start_), round_to_micro(end_), 0, 0, std::move(whole));
    }
    const float sign = sigma < sigma_next ? 1.0f : -1.0f;
    const float scale = std::sqrt(float(std::fabs(sigma_next - sigma)));
    for (float& value : out) value = value * sign / scale;
}

}   // namespace kiln
