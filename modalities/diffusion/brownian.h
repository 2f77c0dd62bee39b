// Brownian motion over the noise levels of a schedule, so that the noise of a stochastic sampler
// depends on where it steps and not on how many steps it takes.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace kiln {

// The tree of torchsde.BrownianInterval (halfway_tree, tolerance 1e-6, pool of 24) over
// [sigma_min, sigma_max], with times rounded to six decimals as there.
//
// One seed is one tree over all `count` values; several are one tree each over count /
// seeds.size().
class BrownianTree {
public:
    BrownianTree(double sigma_min, double sigma_max, size_t count, std::vector<uint64_t> seeds);

    // The standard normal noise of the step from `sigma` to `sigma_next`: the increment of the
    // motion in the order of the arguments over the root of their distance. Writes `count` values.
    void noise(double sigma, double sigma_next, std::span<float> out) const;

private:
    struct Query;
    void descend(const Query& query, double start, double end, uint32_t key, uint32_t depth,
                 std::vector<float> increment) const;

    double start_, end_;
    size_t count_;
    std::vector<uint64_t> seeds_;
};

}   // namespace kiln
