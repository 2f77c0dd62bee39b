// A splat as a function in space: opacity * exp(-1/2 (x - mean)^T conic (x - mean)).
#pragma once
#include <vector>

#include "modalities/splat/mesh/mesh.h"
#include "modalities/splat/splats.h"

namespace kiln {

// Symmetric: xx, xy, xz, yy, yz, zz.
using Symmetric = std::array<double, 6>;

inline Vec3 operator*(const Symmetric& m, const Vec3& x) {
    return {m[0] * x[0] + m[1] * x[1] + m[2] * x[2], m[1] * x[0] + m[3] * x[1] + m[4] * x[2],
            m[2] * x[0] + m[4] * x[1] + m[5] * x[2]};
}

struct Gaussian {
    Vec3 mean;
    double opacity;
    Symmetric covariance, conic;   // each the other's inverse
    uint32_t splat;                // which one
    double widest;                 // its standard deviation along its longest axis

    double operator()(const Vec3& x) const;   // its value there
    // How far from the mean along an axis values above `faintest` can be; 0 if none is.
    double reach(size_t axis, double faintest) const;
};

// The splats as Gaussians that are at least `least` wide along each of their axes (one standard
// deviation), and at most 1e6 times that.
std::vector<Gaussian> gaussians_of(const Splats& splats, double least);

}   // namespace kiln
