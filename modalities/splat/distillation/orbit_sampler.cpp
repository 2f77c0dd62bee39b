#include "modalities/splat/distillation/orbit_sampler.h"

#include <numeric>
#include <utility>
#include <vector>

#include "modalities/splat/fit/draws.h"

namespace kiln {
namespace {

// The order in which a round goes through the strata: Fisher and Yates' shuffle.
std::vector<int> shuffled(int strata, Draws draws) {
    std::vector<int> order(size_t(strata), 0);
    std::iota(order.begin(), order.end(), 0);
    for (size_t i = order.size(); i > 1; i--)
        std::swap(order[i - 1], order[size_t(draws.share() * double(i))]);
    return order;
}

}   // namespace

Orbit OrbitSampler::operator()(uint64_t index) const {
    const uint64_t count = uint64_t(strata_), round = index / count;
    const int stratum = shuffled(strata_, Draws(seed_, 2 * round))[index % count];
    Draws draws(seed_, 2 * index + 1);
    const auto in = [&](const OrbitRanges::Range& r) { return draws.between(r.low, r.high); };
    Orbit orbit;
    orbit.azimuth =
        std::lerp(ranges_.azimuth.low, ranges_.azimuth.high, (stratum + draws.share()) / strata_);
    orbit.elevation =
        in(draws.share() < ranges_.overhead ? ranges_.overhead_elevation : ranges_.elevation);
    orbit.distance = in(ranges_.distance);
    orbit.field_of_view = in(ranges_.field_of_view);
    return orbit;
}

}   // namespace kiln
