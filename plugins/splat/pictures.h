// What there is to learn from, and to measure by, whatever represents the scene.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "modalities/splat/fit/fit.h"
#include "modalities/splat/posed/views.h"
#include "plugins/builtin/request.h"

namespace kiln::splat_plugin {

using builtin::Json;

struct Pictures {
    std::string source;            // the file or folder that tells of the cameras
    std::vector<FitView> views;    // to learn from
    std::vector<PosedView> held;   // not to learn from
    PosedPoints points;
    Focus focus;
    bool transparent = false;   // some have alpha

    // Whether points say something of where surfaces are.
    bool placed() const;
};

// By "images", "size", "hold_out" and "up". Throws a ResultError; none of the devices is needed.
Pictures read_pictures(const Json& request,
                       const std::function<void(int done, int total)>& progress,
                       const std::function<bool()>& cancelled);

}   // namespace kiln::splat_plugin
