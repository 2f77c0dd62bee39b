// Clouds of random splats, and how far two are apart in what they mean.
#pragma once
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "modalities/splat/assets/transform.h"
#include "modalities/splat/splats.h"
#include "tests/support/random.h"

namespace kiln::test {

// Within what every format can hold.
inline Splats random_cloud(size_t n, int degree, uint32_t seed = 1) {
    Random random(seed);
    Splats s = make_splats(n, degree);
    for (float& v : s.means) v = float(random(-3, 3));
    for (float& v : s.log_scales) v = float(random(-7, 1));
    for (float& v : s.quaternions) v = float(random(-2, 2));
    for (float& v : s.logits) v = float(random(-4, 4));
    const size_t k = size_t(sh_count(degree)) * 3;
    for (size_t i = 0; i < s.sh.size(); i++)
        s.sh[i] = float(i % k < 3 ? random(-1.7, 1.7) : random(-0.9, 0.9));
    return s;
}

using Matrix3 = std::array<double, 9>;

inline Matrix3 rotation_of(const float* wxyz) {
    double length = 0;
    for (int a = 0; a < 4; a++) length += double(wxyz[a]) * wxyz[a];
    length = std::sqrt(length);
    const double w = wxyz[0] / length, x = wxyz[1] / length, y = wxyz[2] / length,
                 z = wxyz[3] / length;
    return {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
            2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
}

inline Matrix3 covariance(const Splats& s, size_t i) {
    const Matrix3 r = rotation_of(&s.quaternions[i * 4]);
    Matrix3 sum{};
    for (size_t a = 0; a < 3; a++)
        for (size_t b = 0; b < 3; b++)
            for (size_t k = 0; k < 3; k++)
                sum[a * 3 + b] +=
                    r[a * 3 + k] * r[b * 3 + k] * std::exp(2 * double(s.log_scales[i * 3 + k]));
    return sum;
}

inline double colour(const Splats& s, size_t i, size_t channel, const double direction[3]) {
    double y[16], sum = 0.5;
    sh_basis(direction, s.sh_degree, y);
    const size_t k = size_t(sh_count(s.sh_degree));
    for (size_t j = 0; j < k; j++) sum += y[j] * s.sh[(i * k + j) * 3 + channel];
    return sum;
}

inline double opacity(const Splats& s, size_t i) {
    return 1 / (1 + std::exp(-double(s.logits[i])));
}

// In degrees, of the turn from one to the other.
inline double angle(const float* a, const float* b) {
    double dot = 0, aa = 0, bb = 0;
    for (int c = 0; c < 4; c++) {
        dot += double(a[c]) * b[c], aa += double(a[c]) * a[c], bb += double(b[c]) * b[c];
    }
    return 2 * std::acos(std::min(1.0, std::abs(dot) / std::sqrt(aa * bb))) * 180 / M_PI;
}

struct Distance {
    double mean = 0, log_scale = 0, angle = 0, opacity = 0, dc = 0, first = 0, rest = 0;
};

// The largest of each.
inline Distance distance(const Splats& a, const Splats& b) {
    REQUIRE(a.size() == b.size());
    REQUIRE(a.sh_degree == b.sh_degree);
    Distance d;
    const auto wider = [](double& most, double x, double y) {
        most = std::max(most, std::isnan(x - y) ? 1e30 : std::abs(x - y));
    };
    for (size_t i = 0; i < a.means.size(); i++) wider(d.mean, a.means[i], b.means[i]);
    for (size_t i = 0; i < a.log_scales.size(); i++)
        wider(d.log_scale, a.log_scales[i], b.log_scales[i]);
    for (size_t i = 0; i < a.size(); i++) {
        wider(d.opacity, opacity(a, i), opacity(b, i));
        d.angle = std::max(d.angle, angle(&a.quaternions[i * 4], &b.quaternions[i * 4]));
    }
    const size_t k = size_t(sh_count(a.sh_degree)) * 3;
    for (size_t i = 0; i < a.sh.size(); i++)
        wider(i % k < 3 ? d.dc : i % k < 12 ? d.first : d.rest, a.sh[i], b.sh[i]);
    return d;
}

}   // namespace kiln::test
