// How dense a cloud of splats is: the sum of its Gaussians on a regular grid.
// Source: Tang, Ren, Zhou, Liu, Zeng. DreamGaussian: Generative Gaussian Splatting for Efficient
// 3D Content Creation. 2024, section 3.3.
#pragma once
#include <functional>
#include <vector>

#include "modalities/splat/mesh/gaussian.h"

namespace kiln {

struct Box {
    Vec3 low, high;
};

// Values at origin + spacing * (x, y, z).
struct Grid {
    std::array<size_t, 3> size;   // points along x, y, z
    Vec3 origin;
    double spacing;
    std::vector<float> values;   // [z, y, x]

    float at(size_t x, size_t y, size_t z) const { return values[(z * size[1] + y) * size[0] + x]; }
};

// A grid over the box with `cells` along its longest side and a border outside of it; all zero.
Grid grid_over(const Box& box, size_t cells);

// Adds the Gaussians where they are above 1e-3. Asks `cancelled`, from several threads, now and
// then, and stops early if so. The same bits however many threads there are.
void add_density(Grid& grid, const std::vector<Gaussian>& cloud,
                 const std::function<bool()>& cancelled = {});

// The density at which the shadows of what is denser are most like those of the splats, where they
// let less than half of the light through, along the three axes of a grid that holds the cloud's
// density. Like means: intersection over union. 0 if no shadow is that dark.
double threshold_of_shadows(const Grid& grid, const std::vector<Gaussian>& cloud);

// Makes hollows, which no path through neighbours at most `threshold` leads to from the border, as
// dense as what is around them.
void fill_hollows(Grid& grid, float threshold);

// Shrinks the bounds to the cells where the density is above the threshold, which it is somewhere.
void bounds_above(const Grid& grid, double threshold, Box& bounds);

}   // namespace kiln
