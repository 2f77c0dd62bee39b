// Which Gaussians are near a place.
#pragma once
#include <span>

#include "modalities/splat/mesh/density.h"

namespace kiln {

class Lookup {
public:
    // For places in the box, which has an extent: those within `reach` of where a Gaussian is above
    // 1/255. Takes a cell of the box for a place, at most `cells` along a side.
    Lookup(const std::vector<Gaussian>& cloud, const Box& box, double reach, size_t cells = 64);

    std::span<const uint32_t> near(const Vec3& place) const;   // indices, ascending

private:
    struct Cells {
        std::array<size_t, 3> low, high;   // both included
    };
    bool covered(const Gaussian& g, double reach, Cells& cells) const;
    size_t cell_of(double place, size_t axis) const;

    Box box_;
    size_t cells_;
    std::vector<size_t> begins_;
    std::vector<uint32_t> entries_;
};

}   // namespace kiln
