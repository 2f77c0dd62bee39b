// A file as a page to look at it.
#pragma once
#include "plugins/builtin/request.h"

namespace kiln::splat_plugin {

// Makes an artifact of the viewer with the file inside, and asks for it to be opened. Splats of any
// format are checked and packed as .spz; a .glb without splats is taken for a mesh and kept as it
// is.
void view(const sdk::Blob& file, const sdk::Events& events);

}   // namespace kiln::splat_plugin
