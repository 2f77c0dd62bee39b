// What a file of splats or of a mesh holds, for kiln inspect.
#pragma once
#include <string>

#include "plugins/sdk/adapter.h"

namespace kiln::convert_plugin {

// Where options.models names one such file, by its extension: an array of one object with its
// summary and the bounds of its points (x right, y up, z back; metres). Of splats: their number,
// degree, and the first, fiftieth and ninety-ninth percentile of scales and opacities. Of a mesh:
// the number of its triangles and points, whether it is closed, and the size of its texture. Else
// an empty array. A file that cannot be read is a Failure.
std::string inspected(const sdk::Options& options);

}   // namespace kiln::convert_plugin
