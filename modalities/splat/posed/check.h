// What is checked of every picture, wherever its pose is from.
#pragma once
#include "modalities/splat/posed/posed.h"

namespace kiln {

// Status::bad_file unless the lens can project and the pose is one: sizes 0 to 65536, a focal
// length above 0 and below 1e7 pixels, distortion within 100, a camera within 1e9 of the origin,
// all of it finite.
Result<void> check_picture(const PosedPicture& picture, const std::string& where);

// A rotation by a quaternion w x y z of any length above 1e-6; else false.
bool rotation_of(const std::array<double, 4>& quaternion, std::array<double, 9>& rotation);

}   // namespace kiln
