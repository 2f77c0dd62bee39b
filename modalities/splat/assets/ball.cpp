#include "modalities/splat/assets/ball.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace kiln {
namespace {

constexpr float kFaintLogit = -3;   // 5 % opaque

double quantile(std::vector<double>& values, double share) {
    const auto at = values.begin() + std::ptrdiff_t(std::lround(double(values.size() - 1) * share));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

}   // namespace

Ball ball_around(const Splats& splats) {
    std::vector<size_t> seen;
    const bool all_faint =
        *std::max_element(splats.logits.begin(), splats.logits.end()) <= kFaintLogit;
    for (size_t i = 0; i < splats.size(); i++)
        if (all_faint || splats.logits[i] > kFaintLogit) seen.push_back(i);
    Ball ball{};
    std::vector<double> values(seen.size());
    for (size_t axis = 0; axis < 3; axis++) {
        for (size_t i = 0; i < seen.size(); i++) values[i] = splats.means[seen[i] * 3 + axis];
        ball.middle[axis] = (quantile(values, 0.01) + quantile(values, 0.99)) / 2;
    }
    for (size_t i = 0; i < seen.size(); i++) {
        const float* scale = &splats.log_scales[seen[i] * 3];
        double square = 0;
        for (size_t axis = 0; axis < 3; axis++)
            square += std::pow(splats.means[seen[i] * 3 + axis] - ball.middle[axis], 2);
        values[i] = std::sqrt(square) + 2 * std::exp(double(*std::max_element(scale, scale + 3)));
    }
    ball.radius = std::max(quantile(values, 0.99), 1e-12);
    return ball;
}

Splats brought_near(Splats splats, const Ball& ball) {
    for (size_t i = 0; i < splats.means.size(); i++) {
        splats.means[i] = float((splats.means[i] - ball.middle[i % 3]) / ball.radius);
        splats.log_scales[i] -= float(std::log(ball.radius));
    }
    return splats;
}

}   // namespace kiln
