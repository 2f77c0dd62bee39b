// A file as a page to look at it.
#pragma once
#include "plugins/builtin/request.h"
#include "plugins/builtin/session.h"

namespace kiln::splat_plugin {

// Makes an artifact of the viewer with the file inside, and asks for it to be opened. Splats of any
// format are checked and packed as .spz; an .obj, and a .glb without splats, which is taken for a
// mesh, are kept as they are.
void view(const sdk::Blob& file, const builtin::Session& session, const sdk::Events& events);

}   // namespace kiln::splat_plugin
