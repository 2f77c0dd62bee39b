// The surface where a grid of values crosses a threshold, as triangles.
// Source: Lorensen, Cline. Marching Cubes: A High Resolution 3D Surface Construction Algorithm.
// 1987.
#pragma once
#include "modalities/splat/mesh/grid.h"

namespace kiln {

// What is above the threshold is inside. The surface is closed and oriented, every edge has two
// triangles and every point one ring of them, provided that the border of the grid is outside.
// Where a face of a cell has inside corners on one diagonal only, they are kept apart.
Surface marching_cubes(const DensityGrid& grid, float threshold);

}   // namespace kiln
