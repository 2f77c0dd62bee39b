// The colours of a solid as a texture of its surface.
#pragma once
#include "modalities/splat/mesh/solid.h"
#include "modalities/splat/mesh/unwrap.h"
#include "runtime/io/image.h"

namespace kiln {

// RGB. Texels outside of all charts, and where nothing is seen, have the colour of the nearest one
// that has some. `normals` are those of the surface's points. `cancelled` is asked now and then:
// Status::interrupted.
Result<Image> bake(const Surface& surface, const std::vector<Vec3>& normals,
                   const Unwrapped& unwrapped, int size, const Paint& paint,
                   const Cancelled& cancelled = {});

}   // namespace kiln
