// How dense a cloud of splats is: the sum of its Gaussians on a regular grid.
// Source: Tang, Ren, Zhou, Liu, Zeng. DreamGaussian: Generative Gaussian Splatting for Efficient
// 3D Content Creation. 2024, section 3.3.
#pragma once
#include <functional>
#include <vector>

#include "modalities/splat/mesh/gaussian.h"
#include "modalities/splat/mesh/grid.h"

namespace kiln {

// Adds the Gaussians where they are above 1e-3. Asks `cancelled`, from several threads, now and
// then, and stops early if so. The same bits however many threads there are.
void add_density(DensityGrid& grid, const std::vector<Gaussian>& cloud,
                 const std::function<bool()>& cancelled = {});

// The density at which the shadows of what is denser are most like those of the splats
// (threshold_like()) along the axes of a grid that holds the cloud's density.
double threshold_of_shadows(const DensityGrid& grid, const std::vector<Gaussian>& cloud);

}   // namespace kiln
