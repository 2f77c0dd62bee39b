#include "modalities/splat/posed/check.h"

#include <cmath>

namespace kiln {

Result<void> check_picture(const PosedPicture& p, const std::string& where) {
    const auto bad = [&](const std::string& fact) {
        return Error{Status::bad_file, where + ": " + p.name + ": " + fact};
    };
    constexpr int kLargest = 1 << 16;
    const Lens& l = p.lens;
    if (l.width < 0 || l.width > kLargest || l.height < 0 || l.height > kLargest)
        return bad("a picture of " + std::to_string(l.width) + " x " + std::to_string(l.height) +
                   " pixels cannot be");
    if (l.angle_x != 0 && !(l.angle_x > 0 && l.angle_x < 3.1))
        return bad("an angle of view of " + std::to_string(l.angle_x) + " radians cannot be");
    if (l.angle_x == 0 && !(l.fx > 0 && l.fx < 1e7 && l.fy > 0 && l.fy < 1e7))
        return bad("a focal length of " + std::to_string(l.fx) + " and " + std::to_string(l.fy) +
                   " pixels cannot be");
    if (!(std::abs(l.cx) < 1e6 && std::abs(l.cy) < 1e6)) return bad("its centre is no number");
    for (const double k : {l.k1, l.k2, l.p1, l.p2})
        if (!(std::abs(k) < 100)) return bad("its lens distorts by no number that can be");
    for (const double r : p.rotation)
        if (!std::isfinite(r)) return bad("its rotation is not finite");
    for (const double t : p.translation)
        if (!(std::abs(t) < 1e9)) return bad("its camera is nowhere, or too far away");
    return {};
}

bool rotation_of(const std::array<double, 4>& quaternion, std::array<double, 9>& r) {
    double length = 0;
    for (const double q : quaternion) length += q * q;
    length = std::sqrt(length);
    if (!(length > 1e-6) || !std::isfinite(length)) return false;
    const double w = quaternion[0] / length, x = quaternion[1] / length, y = quaternion[2] / length,
                 z = quaternion[3] / length;
    r = {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
         2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
         2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
    return true;
}

}   // namespace kiln
