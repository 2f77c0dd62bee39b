#include "modalities/nerf/layout.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace kiln {

std::string flaw_of(const FieldOptions& o) {
    for (const double v : o.centre)
        if (!(std::abs(v) < 1e9)) return "its middle is not finite";
    if (!(o.half > 1e-9 && o.half < 1e9)) return "its cube has no finite extent";
    if (o.levels < 2 || o.levels > 16 || o.levels % 2) return "it has 2, 4, ... or 16 levels";
    if (o.entries < 10 || o.entries > 22) return "a level has 2^10 to 2^22 entries";
    if (o.coarsest < 2 || o.finest < o.coarsest || o.finest > 8192)
        return "levels have 2 to 8192 cells along a side, the first the fewest";
    if (o.neurons < 32 || o.neurons > 128 || o.neurons % 32)
        return "hidden layers have 32, 64, 96 or 128 neurons";
    return "";
}

FieldLayout::FieldLayout(const FieldOptions& o)
    : neurons_(uint32_t(o.neurons)), harmonics_(o.directional ? 16 : 0) {
    const double growth = std::pow(double(o.finest) / o.coarsest, 1.0 / (o.levels - 1));
    const uint64_t most = uint64_t(1) << o.entries;
    uint32_t first = 0;
    for (int l = 0; l < o.levels; l++) {
        const uint64_t cells = uint64_t(std::floor(o.coarsest * std::pow(growth, l) + 1e-6));
        const uint64_t corners = (cells + 1) * (cells + 1) * (cells + 1);
        const bool dense = corners <= most;
        const uint32_t entries = uint32_t(dense ? (corners + 7) / 8 * 8 : most);
        levels_.push_back({uint32_t(cells), first, entries, dense});
        first += entries;
    }
}

uint64_t FieldLayout::entries() const { return levels_.back().first + levels_.back().entries; }
uint64_t FieldLayout::density() const { return 2 * entries(); }
uint64_t FieldLayout::colour() const {
    return density() + uint64_t(neurons_) * (features() + kLatent);
}
uint64_t FieldLayout::end() const {
    return colour() + uint64_t(neurons_) * (kLatent + harmonics_ + 4);
}

std::vector<float> FieldLayout::initial(uint64_t seed) const {
    std::mt19937_64 random(seed);
    const auto uniform = [&](double most) {
        return float(most * (double(random() >> 11) * 0x1p-52 - 1));
    };
    std::vector<float> values(end());
    for (size_t i = 0; i < density(); i++) values[i] = uniform(1e-4);
    // Glorot, Bengio. Understanding the Difficulty of Training Deep Feedforward Networks. 2010.
    const auto perceptron = [&](uint64_t begin, uint32_t in, uint32_t out) {
        for (uint32_t j = 0; j < neurons_; j++)
            for (uint32_t k = 0; k < in + out; k++) {
                const double width = neurons_ + (k < in ? in : out);
                values[begin + uint64_t(j) * (in + out) + k] = uniform(std::sqrt(6 / width));
            }
    };
    perceptron(density(), features(), kLatent);
    perceptron(colour(), kLatent + harmonics_, 4);
    return values;
}

}   // namespace kiln
