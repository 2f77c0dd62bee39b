// What a file of splats holds, for kiln inspect.
#pragma once
#include <string>

#include "plugins/sdk/adapter.h"

namespace kiln::convert_plugin {

// Where options.models names one file of splats, by its extension: an array of one object with its
// summary, count, degree, bounds of the means (x right, y up, z back; metres), and the first,
// fiftieth and ninety-ninth percentile of scales and opacities. Else an empty array. A file that
// cannot be read is a Failure.
std::string inspected(const sdk::Options& options);

}   // namespace kiln::convert_plugin
