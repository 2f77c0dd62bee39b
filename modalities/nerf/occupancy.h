// Which cells of the cube have something in them, so that rays need not look at the others.
// Source: Mueller et al. Instant Neural Graphics Primitives. 2022, appendix E.2.
#pragma once
#include "modalities/nerf/renderer.h"

namespace kiln {

class Occupancy {
public:
    // Cells along a side, and steps of the rays along it. `possible` has a bit for each cell, as
    // bits(); those that are 0 stay empty, all others are occupied.
    Occupancy(int cells, int steps, std::vector<uint32_t> possible);

    // Looks at one place in each of some cells, by chance: in about every `stride`-th, others each
    // round. A cell keeps the largest density it was seen with, which fades from look to look. It
    // is empty if a step through it takes less than 1/200 of the light; what no ray has seen yet is
    // thinner than that. Where nothing is so dense all stays as it is.
    Result<void> refresh(FieldRenderer& renderer, uint32_t round, uint32_t stride, uint64_t seed);

    double share() const;   // of occupied cells
    bool occupied(size_t cell) const { return (bits_[cell / 32] >> (cell % 32)) & 1; }
    std::span<const uint32_t> bits() const { return bits_; }
    std::span<const float> densities() const { return densities_; }   // below 0: not seen yet
    // What another one of the same cells had; false, and nothing changes, where there are not as
    // many or what cannot be is occupied.
    bool restore(std::vector<float> densities, std::vector<uint32_t> bits);

private:
    bool possible(size_t cell) const { return (possible_[cell / 32] >> (cell % 32)) & 1; }

    size_t cells_;
    float least_;
    std::vector<uint32_t> possible_;
    std::vector<float> densities_;
    std::vector<uint32_t> bits_;
};

}   // namespace kiln
