// The colours of splats as a texture of a surface.
#pragma once
#include "modalities/splat/mesh/density.h"
#include "modalities/splat/mesh/unwrap.h"
#include "runtime/io/image.h"

namespace kiln {

struct BakeOptions {
    double reach = 0;   // metres: splats so far in front of the surface still belong to it
    std::function<bool()> cancelled;   // asked from several threads; the texture is then of no use
};

// RGB, display-referred sRGB as splats are. Each texel has the colour that a camera far out along
// the surface's normal would see there: the splats by its line of sight, composited from the
// outside inwards. Texels outside of all charts, and where no splat is seen, have the colour of
// the nearest one that has some. `normals` are those of the surface's points.
Image bake(const Surface& surface, const std::vector<Vec3>& normals, const Unwrapped& unwrapped,
           int size, const Splats& splats, const std::vector<Gaussian>& cloud,
           const BakeOptions& options);

}   // namespace kiln
