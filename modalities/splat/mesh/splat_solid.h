// A cloud of splats as a solid: as dense as their sum (density.h).
#pragma once
#include "modalities/splat/assets/ball.h"
#include "modalities/splat/mesh/solid.h"

namespace kiln {

// Its coordinates are those in which the cloud's ball has its middle at the origin and the radius
// 1. Splats farther out than twice that are taken for stray ones.
class SplatSolid : public Solid {
public:
    explicit SplatSolid(const Splats& splats);   // sound, one at least

    Frame frame() const override { return {ball_.middle, ball_.radius}; }
    Box box() const override;
    Result<double> measure(DensityGrid& grid, const Cancelled& cancelled) override;
    Paint paint(const Surface& surface, double spacing) override;

private:
    Ball ball_;
    Splats splats_;
};

}   // namespace kiln
