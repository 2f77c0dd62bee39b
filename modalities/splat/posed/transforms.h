// transforms.json, in which renderers and Nerfstudio say where their cameras are.
// Source: Mildenhall and others. NeRF: Representing Scenes as Neural Radiance Fields for View
// Synthesis. 2020 (its synthetic scenes); Mueller and others. Instant Neural Graphics Primitives.
// 2022 (fl_x and the lens).
//
// Cameras are OpenGL's: they look along -z with y up, and transform_matrix takes their axes to the
// world. Every frame may have its own lens; what it leaves out stands at the top of the file.
#pragma once
#include "modalities/splat/posed/posed.h"

namespace kiln {

// Appends the frames. Paths are as the file has them, without what it leaves out. `where` is the
// file.
Result<void> parse_transforms(std::string_view text, const std::string& where, bool held_out,
                              PosedSet& set);

}   // namespace kiln
