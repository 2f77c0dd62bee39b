// The viewer: one HTML page that shows files of splats (.ply, .splat, .spz, .glb) and meshes (.glb)
// in a browser with WebGL 2, from a server or from disk, and asks for nothing over the network. Its
// source is tools/viewer; viewer.html beside this file is what tools/viewer/build.mjs makes of it.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace kiln {

// The page that waits for a file to be dropped or chosen.
std::string_view viewer_page();

// The page with a file inside, which it shows at once under that name: one file to send to
// somebody. The page tells the format by how the file begins, and .splat by the name. The name may
// be any bytes: it is text there, never markup.
std::string viewer_page(std::span<const std::byte> file, std::string_view name);

}   // namespace kiln
