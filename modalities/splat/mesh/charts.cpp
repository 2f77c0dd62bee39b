#include "modalities/splat/mesh/charts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

namespace kiln {
namespace {

constexpr double kLeastCosine = 0.5;
constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
using Flat = std::array<Vec2, 3>;

// The triangles on the other side of each side of a triangle; kNone where there is none.
std::vector<std::array<uint32_t, 3>> neighbours_of(const Surface& s) {
    std::vector<std::array<uint32_t, 3>> found(s.triangles.size(), {kNone, kNone, kNone});
    std::unordered_map<uint64_t, uint32_t> sides;   // from, to: three times the triangle, plus side
    for (uint32_t t = 0; t < s.triangles.size(); t++)
        for (uint32_t k = 0; k < 3; k++)
            sides[uint64_t(s.triangles[t][k]) << 32 | s.triangles[t][(k + 1) % 3]] = t * 3 + k;
    for (uint32_t t = 0; t < s.triangles.size(); t++)
        for (uint32_t k = 0; k < 3; k++) {
            const auto other =
                sides.find(uint64_t(s.triangles[t][(k + 1) % 3]) << 32 | s.triangles[t][k]);
            if (other != sides.end()) found[t][k] = other->second / 3;
        }
    return found;
}

// Whether no side of `a` has all of `b` beyond it, by more than rounding.
bool none_separates(const Flat& a, const Flat& b, double rounding) {
    for (size_t k = 0; k < 3; k++) {
        const Vec2 p = a[k], q = a[(k + 1) % 3];
        const Vec2 n = {q[1] - p[1], p[0] - q[0]};   // outwards
        const double length = std::hypot(n[0], n[1]);
        double nearest = std::numeric_limits<double>::max();
        for (const Vec2& c : b)
            nearest = std::min(nearest, n[0] * (c[0] - p[0]) + n[1] * (c[1] - p[1]));
        if (nearest >= -rounding * length) return false;
    }
    return true;
}

// The triangles of a chart, found by where they are.
class Plane {
public:
    explicit Plane(double cell) : cell_(cell) {}

    bool free(const Flat& t) const {
        bool is = true;
        visit(t, [&](uint64_t key) {
            const auto found = cells_.find(key);
            if (found == cells_.end()) return;
            for (const Flat& other : found->second)
                is = is && !(none_separates(t, other, 1e-9 * cell_) &&
                             none_separates(other, t, 1e-9 * cell_));
        });
        return is;
    }
    void add(const Flat& t) {
        visit(t, [&](uint64_t key) { cells_[key].push_back(t); });
    }

private:
    template <class F>
    void visit(const Flat& t, F act) const {
        int32_t low[2], high[2];
        for (size_t axis = 0; axis < 2; axis++) {
            const auto bounds = std::minmax({t[0][axis], t[1][axis], t[2][axis]});
            low[axis] = int32_t(std::floor(bounds.first / cell_));
            high[axis] = int32_t(std::floor(bounds.second / cell_));
        }
        for (int32_t y = low[1]; y <= high[1]; y++)
            for (int32_t x = low[0]; x <= high[0]; x++)
                act(uint64_t(uint32_t(y)) << 32 | uint32_t(x));
    }
    double cell_;
    std::unordered_map<uint64_t, std::vector<Flat>> cells_;
};

Vec3 unit(const Vec3& v) {
    const double length = std::sqrt(dot(v, v));
    return length > 0 ? (1 / length) * v : Vec3{0, 0, 1};
}

class Grower {
public:
    explicit Grower(const Surface& s)
        : s_(s),
          neighbours_(neighbours_of(s)),
          taken_(s.triangles.size()),
          seen_(s.triangles.size()) {
        for (size_t t = 0; t < s.triangles.size(); t++) {
            const Vec3 area = s.area_vector(t);
            areas_.push_back(std::sqrt(dot(area, area)));
            normals_.push_back(unit(area));
        }
        const double all = std::accumulate(areas_.begin(), areas_.end(), 0.0);
        cell_ = std::max(2 * std::sqrt(all / double(std::max<size_t>(areas_.size(), 1))), 1e-9);
    }

    std::vector<Chart> run() {
        std::vector<uint32_t> order(s_.triangles.size());
        std::iota(order.begin(), order.end(), 0u);
        std::stable_sort(order.begin(), order.end(),
                         [&](uint32_t a, uint32_t b) { return areas_[a] > areas_[b]; });
        std::vector<Chart> charts;
        for (const uint32_t seed : order) {
            if (taken_[seed]) continue;
            // Once more along the mean direction of what was found.
            Chart chart = grown(seed, normals_[seed]);
            Vec3 mean{};
            for (const uint32_t t : chart.triangles) mean = mean + areas_[t] * normals_[t];
            mean = unit(mean);
            if (dot(mean, normals_[seed]) > kLeastCosine) chart = grown(seed, mean);
            for (const uint32_t t : chart.triangles) taken_[t] = true;
            charts.push_back(std::move(chart));
        }
        return charts;
    }

private:
    Chart grown(uint32_t seed, const Vec3& direction) {
        Chart chart;
        const Vec3 other = std::abs(direction[1]) < 0.9 ? Vec3{0, 1, 0} : Vec3{1, 0, 0};
        chart.u = unit(cross(other, direction));
        chart.v = cross(direction, chart.u);
        Plane plane(cell_);
        std::vector<uint32_t> next = {seed};
        seen_[seed] = ++growths_;
        for (size_t i = 0; i < next.size(); i++) {
            const uint32_t t = next[i];
            const Flat flat = {chart.flat(s_.corner(t, 0)), chart.flat(s_.corner(t, 1)),
                               chart.flat(s_.corner(t, 2))};
            const bool faces = dot(normals_[t], direction) > kLeastCosine;
            if (i > 0 && !(faces && plane.free(flat))) continue;
            plane.add(flat);
            chart.triangles.push_back(t);
            for (const uint32_t n : neighbours_[t])
                if (n != kNone && !taken_[n] && seen_[n] != growths_) {
                    seen_[n] = growths_;
                    next.push_back(n);
                }
        }
        return chart;
    }

    const Surface& s_;
    std::vector<std::array<uint32_t, 3>> neighbours_;
    std::vector<bool> taken_;
    std::vector<uint32_t> seen_;   // by which growth, counted from 1
    uint32_t growths_ = 0;
    std::vector<double> areas_;
    std::vector<Vec3> normals_;
    double cell_;
};

}   // namespace

std::vector<Chart> charts_of(const Surface& surface) { return Grower(surface).run(); }

}   // namespace kiln
