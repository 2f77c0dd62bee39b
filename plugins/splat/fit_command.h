// kiln splat --images: splats learnt from pictures whose cameras are known.
#pragma once
#include "plugins/splat/outcome.h"

namespace kiln::splat_plugin {

// Interrupted, hands over what there is and the state to go on from, then throws a Failure
// (KILN_INTERRUPTED).
void fit_pictures(Json request, const Wanted& wanted, builtin::Session& session,
                  const sdk::Events& events);

}   // namespace kiln::splat_plugin
