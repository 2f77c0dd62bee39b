#include "modalities/nerf/occupancy.h"

#include <algorithm>
#include <random>

#include "runtime/base/check.h"

namespace kiln {
namespace {

constexpr double kLeast = 0.005;   // optical depth of a step: above that of a new field
constexpr float kFading = 0.8f;

}   // namespace

Occupancy::Occupancy(int cells, int steps, std::vector<uint32_t> possible)
    : cells_(size_t(cells)),
      least_(float(kLeast * steps)),
      possible_(std::move(possible)),
      densities_(cells_ * cells_ * cells_, -1.0f),
      bits_(possible_) {
    ensure(bits_.size() == (densities_.size() + 31) / 32, "a bit for each cell");
}

Result<void> Occupancy::refresh(FieldRenderer& renderer, uint32_t round, uint32_t stride,
                                uint64_t seed) {
    std::mt19937_64 random(seed + 0x9e3779b97f4a7c15ull * (round + 1));
    const auto share = [&] { return float(double(random() >> 40) * 0x1p-24); };
    std::vector<Ray> places;
    // By rows in turn, so that neighbours are not looked at together.
    const auto due = [&](size_t x, size_t y, size_t z) {
        return (x + 3 * y + 5 * z + round) % stride == 0 && possible(x + cells_ * (y + cells_ * z));
    };
    for (size_t z = 0; z < cells_; z++)
        for (size_t y = 0; y < cells_; y++)
            for (size_t x = 0; x < cells_; x++) {
                if (!due(x, y, z)) continue;
                Ray place{};
                for (size_t a = 0; const size_t cell : {x, y, z})
                    place.origin[a++] = (float(cell) + share()) / float(cells_);
                places.push_back(place);
            }
    const auto seen = renderer.look(places);
    if (!seen) return seen.error();
    size_t at = 0, from = 0;
    float most = 0;
    for (size_t z = 0; z < cells_; z++)
        for (size_t y = 0; y < cells_; y++)
            for (size_t x = 0; x < cells_; x++, at++) {
                if (!due(x, y, z)) continue;
                densities_[at] = std::max(kFading * densities_[at], (*seen)[from++][3]);
                most = std::max(most, densities_[at]);
            }
    if (most < least_) return {};   // it is too early to tell
    std::fill(bits_.begin(), bits_.end(), 0u);
    for (size_t i = 0; i < densities_.size(); i++)
        if (possible(i) && (densities_[i] < 0 || densities_[i] >= least_))
            bits_[i / 32] |= 1u << (i % 32);
    return renderer.set_occupied(bits_);
}

bool Occupancy::restore(std::vector<float> densities, std::vector<uint32_t> bits) {
    if (densities.size() != densities_.size() || bits.size() != bits_.size()) return false;
    for (size_t i = 0; i < bits.size(); i++)
        if (bits[i] & ~possible_[i]) return false;
    densities_ = std::move(densities), bits_ = std::move(bits);
    return true;
}

double Occupancy::share() const {
    size_t set = 0;
    for (size_t i = 0; i < densities_.size(); i++) set += occupied(i);
    return double(set) / double(densities_.size());
}

}   // namespace kiln
