#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "modalities/splat/mesh/decimate.h"

namespace kiln {
namespace {

// The piece of each point, by the lowest point in it.
std::vector<uint32_t> pieces_of(const Surface& s) {
    std::vector<uint32_t> parent(s.points.size());
    std::iota(parent.begin(), parent.end(), 0u);
    const auto root = [&](uint32_t i) {
        while (parent[i] != i) i = parent[i] = parent[parent[i]];
        return i;
    };
    for (const Triangle& t : s.triangles)
        for (size_t k = 1; k < 3; k++) {
            const uint32_t a = root(t[0]), b = root(t[k]);
            parent[std::max(a, b)] = std::min(a, b);
        }
    for (uint32_t i = 0; i < parent.size(); i++) parent[i] = root(i);
    return parent;
}

}   // namespace

Surface without_islands(const Surface& s, double share) {
    const std::vector<uint32_t> piece = pieces_of(s);
    constexpr double kFar = std::numeric_limits<double>::max();
    std::vector<Vec3> low(s.points.size(), {kFar, kFar, kFar});
    std::vector<Vec3> high(s.points.size(), {-kFar, -kFar, -kFar});
    for (size_t i = 0; i < s.points.size(); i++)
        for (size_t axis = 0; axis < 3; axis++) {
            low[piece[i]][axis] = std::min(low[piece[i]][axis], s.points[i][axis]);
            high[piece[i]][axis] = std::max(high[piece[i]][axis], s.points[i][axis]);
        }
    const auto square = [&](size_t p) { return dot(high[p] - low[p], high[p] - low[p]); };
    double largest = 0;
    for (size_t i = 0; i < s.points.size(); i++) largest = std::max(largest, square(piece[i]));
    constexpr uint32_t kGone = std::numeric_limits<uint32_t>::max();
    std::vector<uint32_t> renamed(s.points.size(), kGone);
    Surface kept;
    for (size_t i = 0; i < s.points.size(); i++)
        if (square(piece[i]) >= share * share * largest) {
            renamed[i] = uint32_t(kept.points.size());
            kept.points.push_back(s.points[i]);
        }
    for (const Triangle& t : s.triangles)
        if (renamed[t[0]] != kGone)
            kept.triangles.push_back({renamed[t[0]], renamed[t[1]], renamed[t[2]]});
    return kept;
}

}   // namespace kiln
