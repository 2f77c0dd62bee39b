// A radiance field as a solid, to make a mesh of it: modalities/splat/mesh/extract.h.
#pragma once
#include "modalities/nerf/renderer.h"
#include "modalities/splat/mesh/solid.h"

namespace kiln {

// Its coordinates are those of the cube, [0, 1]^3. Inside, where nobody looks, a field has pockets
// of any density; what tells of its shape is how much light gets to a place. So the density here is
// the share of the light that is lost on the best way there from outside, straight or not: 0 to 1.
class FieldSolid : public Solid {
public:
    // The renderer, which outlives this, draws a field with these options. `occupied` has a bit for
    // each of cells^3 cells, as Occupancy::bits() and visual_hull(); where they are 0 nothing is.
    FieldSolid(FieldRenderer& renderer, const FieldOptions& field, int cells,
               std::vector<uint32_t> occupied);

    Frame frame() const override;
    Box box() const override;   // of the occupied cells
    Result<double> measure(DensityGrid& grid, const Cancelled& cancelled) override;
    // By short rays that begin outside of the surface.
    Paint paint(const Surface& surface, double spacing) override;

private:
    bool occupied(const Vec3& place) const;
    Result<std::vector<std::optional<Vec3>>> seen(std::span<const Spot> spots, double spacing);

    FieldRenderer& renderer_;
    FieldOptions field_;
    size_t cells_;
    std::vector<uint32_t> occupied_;
};

}   // namespace kiln
