#include "modalities/splat/mesh/marching_cubes.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "runtime/base/check.h"

namespace kiln {
namespace {

// Corner i of a cell is at (i & 1, i >> 1 & 1, i >> 2). Edges go along x, y and z, four each.
struct Edge {
    int from, to;
};
constexpr Edge kEdges[12] = {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {0, 2}, {1, 3},
                             {4, 6}, {5, 7}, {0, 4}, {1, 5}, {2, 6}, {3, 7}};
// Corners of each face, counterclockwise as seen from outside of the cell.
constexpr int kFaces[6][4] = {{0, 4, 6, 2}, {1, 3, 7, 5}, {0, 1, 5, 4},
                              {2, 6, 7, 3}, {0, 2, 3, 1}, {4, 5, 7, 6}};

int edge_between(int a, int b) {
    for (int e = 0; e < 12; e++)
        if ((kEdges[e].from == a && kEdges[e].to == b) ||
            (kEdges[e].from == b && kEdges[e].to == a))
            return e;
    return -1;
}

bool on_one_face(int e, int f) {
    for (const auto& face : kFaces) {
        int corners = 0;
        for (const int c : face)
            corners += (c == kEdges[e].from) + (c == kEdges[e].to) + (c == kEdges[f].from) +
                       (c == kEdges[f].to);
        if (corners == 4) return true;
    }
    return false;
}

using Loop = std::vector<int>;
using Corners = std::vector<std::array<int, 3>>;   // three edges, on which the corners lie

// Cuts a loop into triangles by diagonals through the inside of the cell: one on a face could be a
// side of other triangles there. False if there is no such cut.
bool cut(const Loop& loop, Corners& triangles) {
    if (loop.size() == 3) {
        triangles.push_back({loop[0], loop[1], loop[2]});
        return true;
    }
    const size_t before = triangles.size();
    for (size_t k = 1; k + 1 < loop.size(); k++) {   // the third corner on the side 0, last
        const int first = loop.front(), last = loop.back(), third = loop[k];
        if (k > 1 && on_one_face(first, third)) continue;
        if (k + 2 < loop.size() && on_one_face(third, last)) continue;
        triangles.push_back({first, third, last});
        const Loop one(loop.begin(), loop.begin() + std::ptrdiff_t(k) + 1);
        const Loop other(loop.begin() + std::ptrdiff_t(k), loop.end());
        if ((one.size() < 3 || cut(one, triangles)) && (other.size() < 3 || cut(other, triangles)))
            return true;
        triangles.resize(before);
    }
    return false;
}

// The triangles of a cell whose inside corners are the bits of `inside`. On each face, the surface
// goes from where one comes upon inside corners to where one leaves them, walking round it.
Corners triangles_of(int inside) {
    const auto in = [&](int corner) { return (inside >> corner & 1) != 0; };
    std::array<int, 12> next;
    next.fill(-1);
    for (const auto& face : kFaces)
        for (int k = 0; k < 4; k++) {
            if (in(face[k]) || !in(face[(k + 1) % 4])) continue;
            int last = k + 1;
            while (in(face[(last + 1) % 4])) last++;
            next[size_t(edge_between(face[k], face[(k + 1) % 4]))] =
                edge_between(face[last % 4], face[(last + 1) % 4]);
        }
    Corners triangles;
    for (int e = 0; e < 12; e++) {
        Loop loop;
        for (int at = e; next[size_t(at)] >= 0;) {
            loop.push_back(at);
            at = std::exchange(next[size_t(at)], -1);
        }
        if (!loop.empty()) ensure(cut(loop, triangles), "a loop round a cell can be cut");
    }
    return triangles;
}

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

class Marcher {
public:
    Marcher(const DensityGrid& grid, float threshold) : grid_(grid), threshold_(threshold) {
        for (int i = 0; i < 256; i++) table_[size_t(i)] = triangles_of(i);
        for (auto& layer : points_on_) layer.resize(grid.size[0] * grid.size[1] * 3, kNone);
    }

    Surface run() {
        for (size_t z = 0; z + 1 < grid_.size[2]; z++) {
            for (size_t y = 0; y + 1 < grid_.size[1]; y++)
                for (size_t x = 0; x + 1 < grid_.size[0]; x++) march({x, y, z});
            std::swap(points_on_[0], points_on_[1]);
            std::fill(points_on_[1].begin(), points_on_[1].end(), kNone);
        }
        return std::move(surface_);
    }

private:
    using Place = std::array<size_t, 3>;

    static Place corner(Place cell, int i) {
        return {cell[0] + size_t(i & 1), cell[1] + size_t(i >> 1 & 1), cell[2] + size_t(i >> 2)};
    }
    float value(Place p) const { return grid_.at(p[0], p[1], p[2]); }

    void march(Place cell) {
        int inside = 0;
        for (int i = 0; i < 8; i++) inside |= (value(corner(cell, i)) > threshold_) << i;
        for (const auto& t : table_[size_t(inside)])
            surface_.triangles.push_back({point(cell, t[0]), point(cell, t[1]), point(cell, t[2])});
    }

    // The point on an edge of a cell, which the cells around the edge share.
    uint32_t point(Place cell, int edge) {
        const Place a = corner(cell, kEdges[edge].from), b = corner(cell, kEdges[edge].to);
        const size_t axis = size_t(edge / 4);
        auto& layer = points_on_[a[2] - cell[2]];
        uint32_t& index = layer[(a[1] * grid_.size[0] + a[0]) * 3 + axis];
        if (index != kNone) return index;
        // Never quite at a corner, where several points would be one.
        const double va = value(a), vb = value(b);
        const double share = std::clamp((threshold_ - va) / (vb - va), 1e-3, 1 - 1e-3);
        Vec3 place;
        for (size_t i = 0; i < 3; i++)
            place[i] =
                grid_.origin[i] + grid_.spacing * (double(a[i]) + share * double(b[i] - a[i]));
        surface_.points.push_back(place);
        return index = uint32_t(surface_.points.size() - 1);
    }

    const DensityGrid& grid_;
    double threshold_;
    std::array<Corners, 256> table_;
    std::array<std::vector<uint32_t>, 2> points_on_;   // at z and z + 1, by lower end and axis
    Surface surface_;
};

}   // namespace

Surface marching_cubes(const DensityGrid& grid, float threshold) {
    return Marcher(grid, threshold).run();
}

}   // namespace kiln
