// Clouds and surfaces whose shape is known, and how a surface hangs together.
#pragma once
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <map>

#include "modalities/splat/mesh/density.h"
#include "modalities/splat/splats.h"
#include "tests/support/random.h"

namespace kiln::test {

inline float logit(double opacity) { return float(std::log(opacity / (1 - opacity))); }

// Round splats of one size; colours are for the caller to set.
inline Splats round_splats(const std::vector<Vec3>& means, double sigma, double opacity) {
    Splats s = make_splats(means.size(), 0);
    for (size_t i = 0; i < means.size(); i++)
        for (size_t c = 0; c < 3; c++) s.means[i * 3 + c] = float(means[i][c]);
    for (float& v : s.log_scales) v = float(std::log(sigma));
    for (float& v : s.logits) v = logit(opacity);
    return s;
}

// Evenly over a sphere (Fibonacci's lattice).
inline std::vector<Vec3> on_sphere(size_t n, double radius) {
    std::vector<Vec3> points;
    for (size_t i = 0; i < n; i++) {
        const double y = 1 - 2 * (double(i) + 0.5) / double(n), a = 2.399963229728653 * double(i);
        const double r = std::sqrt(1 - y * y);
        points.push_back({radius * r * std::cos(a), radius * y, radius * r * std::sin(a)});
    }
    return points;
}

// A grid of a function of place that is negative outside, over a cube around the origin.
template <class F>
DensityGrid sampled(double half, size_t cells, F value) {
    DensityGrid grid = grid_over({{-half, -half, -half}, {half, half, half}}, cells);
    size_t at = 0;
    for (size_t z = 0; z < grid.size[2]; z++)
        for (size_t y = 0; y < grid.size[1]; y++)
            for (size_t x = 0; x < grid.size[0]; x++)
                grid.values[at++] = float(
                    value(grid.origin + grid.spacing * Vec3{double(x), double(y), double(z)}));
    return grid;
}
inline DensityGrid ball(double radius, double half, size_t cells) {
    return sampled(half, cells, [=](const Vec3& p) { return radius - std::sqrt(dot(p, p)); });
}
inline DensityGrid torus(double radius, double tube, double half, size_t cells) {
    return sampled(half, cells, [=](const Vec3& p) {
        return tube - std::hypot(std::hypot(p[0], p[2]) - radius, p[1]);
    });
}

struct Hold {
    size_t open_sides = 0;     // that have not exactly one triangle going each way
    size_t split_points = 0;   // whose triangles are not one ring
    long euler = 0;            // points - edges + triangles
};
inline Hold hold_of(const std::vector<Triangle>& triangles) {
    std::map<std::pair<uint32_t, uint32_t>, int> sides;
    std::map<uint32_t, std::map<uint32_t, uint32_t>> rings;   // of each point: from, to
    Hold hold;
    for (const Triangle& t : triangles)
        for (size_t k = 0; k < 3; k++) {
            sides[{t[k], t[(k + 1) % 3]}]++;
            rings[t[k]][t[(k + 1) % 3]] = t[(k + 2) % 3];
        }
    for (const auto& side : sides) {
        const auto back = sides.find({side.first.second, side.first.first});
        hold.open_sides += side.second != 1 || back == sides.end();
    }
    for (auto& [point, ring] : rings) {
        size_t steps = 0;
        for (uint32_t at = ring.begin()->first; steps <= ring.size() && ring.count(at); steps++) {
            const uint32_t next = ring[at];
            if (next == ring.begin()->first) {
                steps++;
                break;
            }
            at = next;
        }
        hold.split_points += steps != ring.size();
    }
    hold.euler = long(rings.size()) - long(sides.size()) / 2 + long(triangles.size());
    return hold;
}
inline void check_closed(const std::vector<Triangle>& triangles) {
    const Hold hold = hold_of(triangles);
    CHECK(!triangles.empty());
    CHECK(hold.open_sides == 0);
    CHECK(hold.split_points == 0);
}

inline double volume(const Surface& s) {
    double six = 0;
    for (size_t t = 0; t < s.triangles.size(); t++) six += dot(s.corner(t, 0), s.area_vector(t));
    return six / 6;
}
inline double least_area(const Surface& s) {
    double least = 1e300;
    for (size_t t = 0; t < s.triangles.size(); t++) {
        const Vec3 area = s.area_vector(t);
        least = std::min(least, std::sqrt(dot(area, area)) / 2);
    }
    return least;
}

}   // namespace kiln::test
