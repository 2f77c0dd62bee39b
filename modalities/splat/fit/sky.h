// Splats for what is behind all that has a place: sky, hills, the far end of a street. Without
// them splats of the foreground have to take its colours, in the air before the cameras.
#pragma once
#include <span>

#include "modalities/splat/fit/fit_views.h"

namespace kiln {

// Evenly on a sphere around the cameras that is far outside of `points` (n splats on the whole of
// it, of which those are left that a picture shows), nearly opaque, as wide as their neighbours are
// far, and of the colour that the middle one of their pictures has there.
Splats sky_splats(std::span<const FitView> views, const Splats& points, size_t n);

// All splats of both, which are of the same degree.
Splats joined(Splats first, const Splats& second);

}   // namespace kiln
