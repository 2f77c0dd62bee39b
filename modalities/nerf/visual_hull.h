// Where an object can be at all, by its shapes in pictures with alpha.
// Source: Laurentini. The Visual Hull Concept for Silhouette-Based Image Understanding. 1994.
#pragma once
#include <span>
#include <vector>

#include "modalities/nerf/layout.h"
#include "modalities/splat/fit/fit.h"

namespace kiln {

// A bit for each of cells^3 cells of the field's cube, [z, y, x], the lowest first: 0 where a
// picture with alpha shows the whole cell and, two pixels around it, nothing, or where fewer than
// this share of them has its middle within the frame. All 1 if that leaves no cell. The views are
// without flaw.
std::vector<uint32_t> visual_hull(std::span<const FitView> views, const FieldOptions& field,
                                  int cells, double framed = 0);

}   // namespace kiln
