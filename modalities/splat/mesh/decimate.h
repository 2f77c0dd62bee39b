// Fewer triangles for nearly the same surface.
// Source: Garland, Heckbert. Surface Simplification Using Quadric Error Metrics. 1997.
#pragma once
#include "modalities/splat/mesh/mesh.h"

namespace kiln {

// Collapses edges, each where it costs least, until `most` triangles are left, or no edge can go
// that would neither turn a triangle over nor change how the surface hangs together. A closed
// surface whose edges have two triangles each stays one, with the same number of holes through it.
Surface decimate(const Surface& surface, size_t most);

// Without the pieces whose bounding box has a diagonal below `share` of that of the largest piece.
Surface without_islands(const Surface& surface, double share);

}   // namespace kiln
