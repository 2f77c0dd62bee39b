// Real spherical harmonics up to degree 3 in double, as twins take them.
// Source: Kerbl et al. 3D Gaussian Splatting for Real-Time Radiance Field Rendering. 2023, section
// 4: its order and its signs.
#pragma once
#include <array>

namespace kiln::test {

// Of a unit vector.
inline std::array<double, 16> harmonics(const std::array<double, 3>& direction) {
    const double x = direction[0], y = direction[1], z = direction[2];
    const double xx = x * x, yy = y * y, zz = z * z;
    const double p = -0.5900435899266435, r = -0.4570457994644658, a = 1.0925484305920792;
    return {0.28209479177387814,
            -0.4886025119029199 * y,
            0.4886025119029199 * z,
            -0.4886025119029199 * x,
            a * x * y,
            -a * y * z,
            0.31539156525252005 * (2 * zz - xx - yy),
            -a * x * z,
            0.5462742152960396 * (xx - yy),
            p * y * (3 * xx - yy),
            2.890611442640554 * x * y * z,
            r * y * (4 * zz - xx - yy),
            0.3731763325901154 * z * (2 * zz - 3 * xx - 3 * yy),
            r * x * (4 * zz - xx - yy),
            1.445305721320277 * z * (xx - yy),
            p * x * (xx - 3 * yy)};
}

}   // namespace kiln::test
