// What a mesh can be made of: something that is dense in places, and has colours.
#pragma once
#include <functional>
#include <optional>
#include <span>

#include "modalities/splat/mesh/grid.h"
#include "runtime/base/result.h"

namespace kiln {

using Cancelled = std::function<bool()>;   // asked from any thread; what is made is then of no use

// A place on a surface and the unit normal there, outwards.
struct Spot {
    Vec3 place, normal;
};

// The colours, 0 to 1, that a camera far out along their normals would see at spots, in their
// order; none where it would see nothing. Called with thousands at a time, by one thread.
using Paint = std::function<Result<std::vector<std::optional<Vec3>>>(std::span<const Spot>)>;

// In coordinates of its own, of which metres = origin + scale * (x, y, z).
class Solid {
public:
    struct Frame {
        Vec3 origin;
        double scale;
    };

    virtual ~Solid() = default;
    virtual Frame frame() const = 0;
    virtual Box box() const = 0;   // what is outside of it is left out

    // Sets a grid's values to the density there, of which there is none below 0. Returns the one
    // that the surface has; 0 if nothing is opaque enough to have one.
    virtual Result<double> measure(DensityGrid& grid, const Cancelled& cancelled) = 0;

    // Of a surface that was found in a grid of such a spacing.
    virtual Paint paint(const Surface& surface, double spacing) = 0;
};

}   // namespace kiln
