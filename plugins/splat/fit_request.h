// Requests for splats from pictures to what modalities/splat takes.
#pragma once
#include "plugins/splat/pictures.h"

namespace kiln::splat_plugin {

// What to begin with, by "splats", "sky" and "seed".
Splats initial_splats(const Json& request, const Pictures& pictures);

// Schedules are those of Kerbl et al. 2023 for 30,000 steps, drawn together where there are fewer.
// Completes the request with what it leaves open.
FitOptions fit_options(Json& request, const Pictures& pictures);

}   // namespace kiln::splat_plugin
