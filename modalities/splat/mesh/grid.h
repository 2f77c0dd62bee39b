// Values on a regular grid, and where among them the surface of something is.
#pragma once
#include <vector>

#include "modalities/splat/mesh/mesh.h"

namespace kiln {

struct Box {
    Vec3 low, high;
};

// Values at origin + spacing * (x, y, z).
struct DensityGrid {
    std::array<size_t, 3> size;   // points along x, y, z
    Vec3 origin;
    double spacing;
    std::vector<float> values;   // [z, y, x]

    float at(size_t x, size_t y, size_t z) const { return values[(z * size[1] + y) * size[0] + x]; }
};

// A grid over the box with `cells` along its longest side and a border outside of it; all zero.
DensityGrid grid_over(const Box& box, size_t cells);

// For each axis, whether less than half of the light comes through along it, [v, u] by the other
// two axes u < v.
using Shadows = std::array<std::vector<bool>, 3>;

// The value at which the shadows of what is above it are most like these. Like means: intersection
// over union. 0 if no shadow is dark.
double threshold_like(const DensityGrid& grid, const Shadows& shadows);

// What reaches out of the grid ends there: its border becomes 0.
void clear_border(DensityGrid& grid);

// Makes hollows, which no path through neighbours at most `threshold` leads to from the border, as
// dense as what is around them. The border is at most that.
void fill_hollows(DensityGrid& grid, float threshold);

// Shrinks the bounds to the cells where the values are above the threshold, which they are
// somewhere.
void bounds_above(const DensityGrid& grid, double threshold, Box& bounds);

}   // namespace kiln
