// Where a texture lies on a surface: pieces of the surface that are nearly flat, each seen from its
// own direction, side by side in a square.
#pragma once
#include "modalities/splat/mesh/mesh.h"
#include "runtime/base/result.h"

namespace kiln {

struct Unwrapped {
    std::vector<uint32_t> points;                // of the surface, one for each corner of a chart
    std::vector<std::array<double, 2>> texels;   // of each, 0 to `size`, from the top left corner
    std::vector<Triangle> triangles;             // of these, in the order of the surface's
    size_t charts = 0;
    double texels_per_metre = 0;
};

// No two triangles overlap, none is smaller in the texture than half of what it is on the surface,
// and between two charts lie four texels at least. Neighbouring triangles share a chart if they
// face its direction within 60 degrees. Status::usage if the square is too small for that.
Result<Unwrapped> unwrap(const Surface& surface, int size);

}   // namespace kiln
