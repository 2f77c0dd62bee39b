// Pieces of a surface that can be laid flat.
#pragma once
#include "modalities/splat/mesh/mesh.h"

namespace kiln {

using Vec2 = std::array<double, 2>;

struct Chart {
    std::vector<uint32_t> triangles;   // of the surface; joined by edges
    Vec3 u, v;   // unit: a point p lies at (u p, v p), where triangles go round counterclockwise

    Vec2 flat(const Vec3& p) const { return {dot(u, p), dot(v, p)}; }
};

// Every triangle is in one chart. Grown from the largest triangle that is left, over those that
// face the chart's direction within 60 degrees and lie beside all others of it.
std::vector<Chart> charts_of(const Surface& surface);

}   // namespace kiln
