#include "modalities/splat/mesh/unwrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "modalities/splat/mesh/charts.h"

namespace kiln {
namespace {

constexpr int kMargin = 2;   // texels around a chart

struct Bounds {
    Vec2 low, high;
    double width() const { return high[0] - low[0]; }
    double height() const { return high[1] - low[1]; }
};

Bounds bounds_of(const Surface& s, const Chart& chart) {
    constexpr double kFar = std::numeric_limits<double>::max();
    Bounds b{{kFar, kFar}, {-kFar, -kFar}};
    for (const uint32_t t : chart.triangles)
        for (size_t k = 0; k < 3; k++) {
            const Vec2 p = chart.flat(s.corner(t, k));
            for (size_t axis = 0; axis < 2; axis++) {
                b.low[axis] = std::min(b.low[axis], p[axis]);
                b.high[axis] = std::max(b.high[axis], p[axis]);
            }
        }
    return b;
}

// Turns the chart so that its bounds are small, and wider than high.
Bounds settle(const Surface& s, Chart& chart) {
    constexpr int kTurns = 32;
    const Vec3 u = chart.u, v = chart.v;
    std::optional<Bounds> best;
    Chart turned = chart;
    for (int i = 0; i < kTurns; i++) {
        const double angle = 3.141592653589793 * i / kTurns;
        turned.u = std::cos(angle) * u + std::sin(angle) * v;
        turned.v = std::cos(angle) * v - std::sin(angle) * u;
        const Bounds b = bounds_of(s, turned);
        if (b.width() < b.height()) continue;
        if (best && b.width() * b.height() >= best->width() * best->height()) continue;
        best = b, chart.u = turned.u, chart.v = turned.v;
    }
    return best ? *best : bounds_of(s, chart);
}

struct Place {
    int x, y;
};

// Puts rectangles as deep as they go, each as far left as that allows, on top of what is there
// (Jylanki. A Thousand Ways to Pack the Bin. 2010: skyline, bottom left).
class Skyline {
public:
    explicit Skyline(int size) : tops_(size_t(size)) {}

    std::optional<Place> add(int width, int height) {
        const int size = int(tops_.size());
        if (width > size || height > size) return {};
        Place best{0, size};
        for (int x = 0; x + width <= size; x++) {
            if (x > 0 && tops_[size_t(x)] == tops_[size_t(x) - 1]) continue;
            const int top = *std::max_element(tops_.begin() + x, tops_.begin() + x + width);
            if (top < best.y) best = {x, top};
        }
        if (best.y + height > size) return {};
        std::fill_n(tops_.begin() + best.x, width, best.y + height);
        return best;
    }

private:
    std::vector<int> tops_;   // of each column
};

int side(double length, double scale) { return int(std::ceil(length * scale)) + 2 * kMargin; }

// Where the charts lie at so many texels a metre, in the order of `order`; nothing if they do not
// fit.
std::optional<std::vector<Place>> packed(const std::vector<Bounds>& bounds,
                                         const std::vector<size_t>& order, int size, double scale) {
    Skyline skyline(size);
    std::vector<Place> places(bounds.size());
    for (const size_t i : order) {
        const auto place =
            skyline.add(side(bounds[i].width(), scale), side(bounds[i].height(), scale));
        if (!place) return {};
        places[i] = *place;
    }
    return places;
}

Unwrapped assembled(const Surface& s, const std::vector<Chart>& charts,
                    const std::vector<Bounds>& bounds, const std::vector<Place>& places,
                    double scale) {
    Unwrapped out;
    out.triangles.resize(s.triangles.size());
    out.charts = charts.size(), out.texels_per_metre = scale;
    for (size_t i = 0; i < charts.size(); i++) {
        std::unordered_map<uint32_t, uint32_t> renamed;
        for (const uint32_t t : charts[i].triangles)
            for (size_t k = 0; k < 3; k++) {
                const uint32_t point = s.triangles[t][k];
                const auto known = renamed.emplace(point, uint32_t(out.points.size()));
                out.triangles[t][k] = known.first->second;
                if (!known.second) continue;
                const Vec2 flat = charts[i].flat(s.points[point]);
                out.points.push_back(point);
                out.texels.push_back(
                    {places[i].x + kMargin + scale * (flat[0] - bounds[i].low[0]),
                     places[i].y + kMargin + scale * (flat[1] - bounds[i].low[1])});
            }
    }
    return out;
}

}   // namespace

Result<Unwrapped> unwrap(const Surface& surface, int size) {
    std::vector<Chart> charts = charts_of(surface);
    std::vector<Bounds> bounds;
    double area = 0;
    for (Chart& chart : charts) {
        bounds.push_back(settle(surface, chart));
        area += bounds.back().width() * bounds.back().height();
    }
    std::vector<size_t> order(charts.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return bounds[a].height() > bounds[b].height(); });
    const double most = size / std::sqrt(std::max(area, 1e-30));
    for (double scale = most; scale > 1e-3 * most; scale *= 0.97)
        if (const auto places = packed(bounds, order, size, scale))
            return assembled(surface, charts, bounds, *places, scale);
    return Error{Status::usage, std::to_string(charts.size()) +
                                    " charts do not fit into a texture of " + std::to_string(size) +
                                    " x " + std::to_string(size) +
                                    ": take a larger one or fewer faces"};
}

}   // namespace kiln
