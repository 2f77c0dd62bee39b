#include "modalities/splat/mesh/splat_solid.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "modalities/splat/mesh/density.h"
#include "modalities/splat/mesh/splat_colours.h"

namespace kiln {
namespace {

constexpr double kFaint = 0.05, kFar = 2;   // what the first look leaves out; in radii of the ball
// Splats finer than a grid can tell are taken for so many cells wide.
constexpr double kLeastCells = 0.7, kLeastCellsOfColour = 0.25;
constexpr double kReach = 3;   // cells: splats so far in front of the surface still belong to it

// Without stray splats, in units of the ball's radius.
Splats gathered(const Splats& splats, const Ball& ball) {
    const Splats all = brought_near(splats, ball);
    const size_t k = size_t(sh_count(all.sh_degree)) * 3;
    Splats s;
    s.sh_degree = all.sh_degree;
    for (size_t i = 0; i < all.size(); i++) {
        const float* m = &all.means[i * 3];
        if (!(std::hypot(double(m[0]), m[1], m[2]) < kFar)) continue;
        const auto copy = [i](const std::vector<float>& from, size_t width,
                              std::vector<float>& to) {
            to.insert(to.end(), from.begin() + std::ptrdiff_t(i * width),
                      from.begin() + std::ptrdiff_t((i + 1) * width));
        };
        copy(all.means, 3, s.means), copy(all.log_scales, 3, s.log_scales);
        copy(all.quaternions, 4, s.quaternions), copy(all.logits, 1, s.logits);
        copy(all.sh, k, s.sh);
    }
    return s;
}

Box box_of(const Surface& s) {
    Box box{s.points[0], s.points[0]};
    for (const Vec3& p : s.points)
        for (size_t axis = 0; axis < 3; axis++) {
            box.low[axis] = std::min(box.low[axis], p[axis]);
            box.high[axis] = std::max(box.high[axis], p[axis]);
        }
    return box;
}

}   // namespace

SplatSolid::SplatSolid(const Splats& splats)
    : ball_(ball_around(splats)), splats_(gathered(splats, ball_)) {}

Box SplatSolid::box() const {
    const std::vector<Gaussian> cloud = gaussians_of(splats_, 1e-3);
    const bool all_faint = std::none_of(cloud.begin(), cloud.end(),
                                        [](const Gaussian& g) { return g.opacity > kFaint; });
    Box box{{kFar, kFar, kFar}, {-kFar, -kFar, -kFar}};
    for (const Gaussian& g : cloud) {
        if (g.opacity <= kFaint && !all_faint) continue;
        for (size_t axis = 0; axis < 3; axis++) {
            const double reach = std::min(g.reach(axis, g.opacity / 90), 1.0);   // three sigma
            box.low[axis] = std::min(box.low[axis], g.mean[axis] - reach);
            box.high[axis] = std::max(box.high[axis], g.mean[axis] + reach);
        }
    }
    return box;
}

Result<double> SplatSolid::measure(DensityGrid& grid, const Cancelled& cancelled) {
    const std::vector<Gaussian> cloud = gaussians_of(splats_, kLeastCells * grid.spacing);
    add_density(grid, cloud, cancelled);
    return threshold_of_shadows(grid, cloud);
}

Paint SplatSolid::paint(const Surface& surface, double spacing) {
    const auto colours = std::make_shared<const SplatColours>(
        splats_, gaussians_of(splats_, kLeastCellsOfColour * spacing), box_of(surface),
        kReach * spacing);
    return [colours](std::span<const Spot> spots) { return colours->at(spots); };
}

}   // namespace kiln
