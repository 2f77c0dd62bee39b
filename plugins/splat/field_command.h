// kiln splat --images --representation nerf: a radiance field learnt from pictures whose cameras
// are known, as a mesh or as splats.
#pragma once
#include "plugins/splat/outcome.h"

namespace kiln::splat_plugin {

bool is_field(const Json& request);   // whether it is for one

// Interrupted as fit_pictures(), with splats that were not fitted for what there is.
void fit_field(Json request, const Wanted& wanted, builtin::Session& session,
               const sdk::Events& events);

}   // namespace kiln::splat_plugin
