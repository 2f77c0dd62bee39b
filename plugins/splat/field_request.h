// Requests for radiance fields from pictures to what modalities/nerf takes.
#pragma once
#include "modalities/nerf/field_fit.h"
#include "modalities/nerf/to_splats.h"
#include "plugins/splat/pictures.h"

namespace kiln::splat_plugin {

// Usage for what only splats can be asked for. Nothing of that is left in the request then.
void leave_to_splats(Json& request);

// The cube holds what pictures with alpha show; without alpha, the points that are known of, or
// twice as much as the cameras look at. Completes the request with what it leaves open.
FieldFitOptions field_options(Json& request, const Pictures& pictures);

// Cells that a mesh may be in: those that are occupied, beside what the pictures show and, of
// pictures with alpha, in the frames of half of them. Elsewhere there is fog that they do not tell
// of.
std::vector<uint32_t> solid_cells(FieldFit& fit, const FieldFitOptions& options);

// After field_options().
SplatsOfField splats_options(const Json& request, const FieldFitOptions& field);

}   // namespace kiln::splat_plugin
