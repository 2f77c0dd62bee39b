// Requests for splats from pictures to what modalities/splat takes.
#pragma once
#include <vector>

#include "modalities/splat/fit.h"
#include "modalities/splat/posed/views.h"
#include "plugins/builtin/request.h"

namespace kiln::splat_plugin {

using builtin::Json;

// What there is to learn from, and to measure by.
struct Pictures {
    std::string source;            // the file or folder that tells of the cameras
    std::vector<FitView> views;    // to learn from
    std::vector<PosedView> held;   // not to learn from
    Splats initial;
    bool transparent = false;   // some have alpha
};

// By "images", "size", "hold_out", "up", "splats" and "seed". Throws a ResultError; none of the
// devices is needed.
Pictures read_pictures(const Json& request,
                       const std::function<void(int done, int total)>& progress,
                       const std::function<bool()>& cancelled);

// Schedules are those of Kerbl et al. 2023 for 30,000 steps, drawn together where there are fewer.
// Completes the request with what it leaves open.
FitOptions fit_options(Json& request, const Pictures& pictures);

}   // namespace kiln::splat_plugin
