#include "modalities/splat/mesh/gaussian.h"

#include <algorithm>
#include <cmath>

#include "modalities/splat/assets/bytes.h"

namespace kiln {
namespace {

// Columns are the axes of a rotation.
std::array<Vec3, 3> axes_of(const float* wxyz) {
    double length = 0;
    for (int i = 0; i < 4; i++) length = std::hypot(length, double(wxyz[i]));
    const double w = wxyz[0] / length, x = wxyz[1] / length, y = wxyz[2] / length,
                 z = wxyz[3] / length;
    return {Vec3{1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)},
            Vec3{2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)},
            Vec3{2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)}};
}

void add_square(Symmetric& to, const Vec3& axis, double weight) {
    size_t at = 0;
    for (size_t i = 0; i < 3; i++)
        for (size_t j = i; j < 3; j++) to[at++] += weight * axis[i] * axis[j];
}

}   // namespace

double Gaussian::operator()(const Vec3& x) const {
    const Vec3 d = x - mean;
    return opacity * std::exp(-0.5 * dot(d, conic * d));
}

double Gaussian::reach(size_t axis, double faintest) const {
    constexpr size_t kDiagonal[] = {0, 3, 5};
    if (opacity <= faintest) return 0;
    return std::sqrt(2 * std::log(opacity / faintest) * covariance[kDiagonal[axis]]);
}

std::vector<Gaussian> gaussians_of(const Splats& s, double least) {
    std::vector<Gaussian> all;
    all.reserve(s.size());
    for (size_t i = 0; i < s.size(); i++) {
        Gaussian g{{s.means[i * 3], s.means[i * 3 + 1], s.means[i * 3 + 2]},
                   opacity_of_logit(s.logits[i]),
                   {},
                   {},
                   uint32_t(i),
                   0};
        const std::array<Vec3, 3> axes = axes_of(&s.quaternions[i * 4]);
        for (size_t k = 0; k < 3; k++) {
            const double scale =
                std::clamp(std::exp(double(s.log_scales[i * 3 + k])), least, 1e6 * least);
            g.widest = std::max(g.widest, scale);
            add_square(g.covariance, axes[k], scale * scale);
            add_square(g.conic, axes[k], 1 / (scale * scale));
        }
        all.push_back(g);
    }
    return all;
}

}   // namespace kiln
