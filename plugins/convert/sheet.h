// Contact sheets of a cloud.
#pragma once
#include "modalities/splat/splats.h"
#include "plugins/builtin/request.h"
#include "plugins/builtin/session.h"

namespace kiln::convert_plugin {

// A PNG as the request's "views", "size", "elevation" and "background" say.
std::vector<std::byte> sheet_of(const Splats& splats, builtin::Session& session,
                                const builtin::Json& request, const sdk::Events& events);

}   // namespace kiln::convert_plugin
