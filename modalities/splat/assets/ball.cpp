#include "modalities/splat/assets/ball.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace kiln {
namespace {

constexpr float kFaintLogit = -3;   // 5 % opaque
constexpr double kStray = 0.5;      // of the longest side, outside of 98 % of all
constexpr size_t kFew = 1000;       // one of so many

using Point = std::array<double, 3>;

double quantile(std::vector<double>& values, double share) {
    const auto at = values.begin() + std::ptrdiff_t(std::lround(double(values.size() - 1) * share));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

struct Cloud {
    std::vector<Point> places;
    std::vector<double> sizes;   // two standard deviations
};

Cloud seen_of(const Splats& s) {
    const bool all_faint = *std::max_element(s.logits.begin(), s.logits.end()) <= kFaintLogit;
    Cloud seen;
    for (size_t i = 0; i < s.size(); i++) {
        if (!all_faint && s.logits[i] <= kFaintLogit) continue;
        const float *mean = &s.means[i * 3], *scale = &s.log_scales[i * 3];
        seen.places.push_back({mean[0], mean[1], mean[2]});
        seen.sizes.push_back(2 * std::exp(double(*std::max_element(scale, scale + 3))));
    }
    return seen;
}

struct Bounds {
    Point low, high;
    double longest;
    std::vector<size_t> kept;   // no strays
    bool whole;                 // but for a few strays
};

Bounds bounds_of(const Cloud& cloud) {
    const size_t n = cloud.places.size();
    Bounds b{};
    std::vector<double> values(n);
    for (size_t a = 0; a < 3; a++) {
        for (size_t i = 0; i < n; i++) values[i] = cloud.places[i][a];
        b.low[a] = quantile(values, 0.01), b.high[a] = quantile(values, 0.99);
        b.longest = std::max(b.longest, b.high[a] - b.low[a]);
    }
    const auto inside = [&](const Point& p) {
        for (size_t a = 0; a < 3; a++)
            if (p[a] < b.low[a] - kStray * b.longest || p[a] > b.high[a] + kStray * b.longest)
                return false;
        return true;
    };
    for (size_t i = 0; i < n; i++)
        if (inside(cloud.places[i])) b.kept.push_back(i);
    b.whole = (n - b.kept.size()) * kFew <= n;
    if (!b.whole) return b;
    for (const size_t i : b.kept)
        for (size_t a = 0; a < 3; a++) {
            b.low[a] = std::min(b.low[a], cloud.places[i][a]);
            b.high[a] = std::max(b.high[a], cloud.places[i][a]);
        }
    return b;
}

}   // namespace

Ball ball_around(const Splats& splats) {
    const Cloud seen = seen_of(splats);
    const Bounds bounds = bounds_of(seen);
    Ball ball{};
    for (size_t a = 0; a < 3; a++) ball.middle[a] = (bounds.low[a] + bounds.high[a]) / 2;
    const auto away = [&](size_t i) {
        const Point& p = seen.places[i];
        return std::hypot(p[0] - ball.middle[0], p[1] - ball.middle[1], p[2] - ball.middle[2]);
    };
    std::vector<double> reaches;
    for (size_t i = 0; i < seen.sizes.size(); i++) reaches.push_back(away(i) + seen.sizes[i]);
    ball.radius = std::max(quantile(reaches, 0.99), 1e-12);
    if (bounds.whole)   // few are so large that they would hide the others
        for (const size_t i : bounds.kept)
            ball.radius =
                std::max(ball.radius, away(i) + std::min(seen.sizes[i], bounds.longest / 10));
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
