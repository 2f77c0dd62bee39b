#include "modalities/splat/mesh/lookup.h"

#include <algorithm>
#include <cmath>

namespace kiln {
namespace {

constexpr double kFaintest = 1 / 255.0;
constexpr size_t kMostCells = 256;   // of a Gaussian, on average

}   // namespace

Lookup::Lookup(const std::vector<Gaussian>& cloud, const Box& box, double reach, size_t cells)
    : box_(box), cells_(cells) {
    const auto each = [&](auto act) {
        Cells c;
        for (uint32_t i = 0; i < cloud.size(); i++)
            if (covered(cloud[i], reach, c))
                for (size_t z = c.low[2]; z <= c.high[2]; z++)
                    for (size_t y = c.low[1]; y <= c.high[1]; y++)
                        for (size_t x = c.low[0]; x <= c.high[0]; x++)
                            act((z * cells_ + y) * cells_ + x, i);
    };
    const auto entries = [&] {
        size_t sum = 0;
        Cells c;
        for (const Gaussian& g : cloud)
            if (covered(g, reach, c))
                sum += (c.high[0] - c.low[0] + 1) * (c.high[1] - c.low[1] + 1) *
                       (c.high[2] - c.low[2] + 1);
        return sum;
    };
    while (cells_ > 1 && entries() > kMostCells * cloud.size()) cells_ /= 2;
    begins_.resize(cells_ * cells_ * cells_ + 1);
    each([&](size_t cell, uint32_t) { begins_[cell + 1]++; });
    for (size_t i = 1; i < begins_.size(); i++) begins_[i] += begins_[i - 1];
    entries_.resize(begins_.back());
    std::vector<size_t> at(begins_.begin(), begins_.end() - 1);
    each([&](size_t cell, uint32_t i) { entries_[at[cell]++] = i; });
}

size_t Lookup::cell_of(double place, size_t axis) const {
    const double share = (place - box_.low[axis]) / (box_.high[axis] - box_.low[axis]);
    return size_t(std::clamp(std::floor(share * double(cells_)), 0.0, double(cells_ - 1)));
}

bool Lookup::covered(const Gaussian& g, double reach, Cells& cells) const {
    if (g.opacity <= kFaintest) return false;
    for (size_t axis = 0; axis < 3; axis++) {
        const double r = g.reach(axis, kFaintest) + reach;
        if (g.mean[axis] + r < box_.low[axis] || g.mean[axis] - r > box_.high[axis]) return false;
        cells.low[axis] = cell_of(g.mean[axis] - r, axis);
        cells.high[axis] = cell_of(g.mean[axis] + r, axis);
    }
    return true;
}

std::span<const uint32_t> Lookup::near(const Vec3& place) const {
    const size_t cell =
        (cell_of(place[2], 2) * cells_ + cell_of(place[1], 1)) * cells_ + cell_of(place[0], 0);
    return std::span(entries_).subspan(begins_[cell], begins_[cell + 1] - begins_[cell]);
}

}   // namespace kiln
