#include "modalities/splat/mesh/decimate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>

namespace kiln {
namespace {

// The sum over planes n x + d = 0 of weight * (n x + d)^2, as x^T A x + 2 b x + c.
struct Quadric {
    double xx = 0, xy = 0, xz = 0, yy = 0, yz = 0, zz = 0;
    Vec3 b{};
    double c = 0;

    void add_plane(const Vec3& n, double d, double weight) {
        xx += weight * n[0] * n[0], xy += weight * n[0] * n[1], xz += weight * n[0] * n[2];
        yy += weight * n[1] * n[1], yz += weight * n[1] * n[2], zz += weight * n[2] * n[2];
        b = b + weight * d * n, c += weight * d * d;
    }
    Quadric& operator+=(const Quadric& q) {
        xx += q.xx, xy += q.xy, xz += q.xz, yy += q.yy, yz += q.yz, zz += q.zz;
        b = b + q.b, c += q.c;
        return *this;
    }
    Vec3 times(const Vec3& x) const {
        return {xx * x[0] + xy * x[1] + xz * x[2], xy * x[0] + yy * x[1] + yz * x[2],
                xz * x[0] + yz * x[1] + zz * x[2]};
    }
    double operator()(const Vec3& x) const {
        return std::max(0.0, dot(x, times(x)) + 2 * dot(b, x) + c);
    }
    // Where it is least, held a little to `middle`, for along a plane or a crease it is flat.
    Vec3 least_near(const Vec3& middle) const {
        const double hold = 1e-3 * (xx + yy + zz) + std::numeric_limits<double>::min();
        const Vec3 r0{xx + hold, xy, xz}, r1{xy, yy + hold, yz}, r2{xz, yz, zz + hold};
        const Vec3 right = -1.0 * (times(middle) + b);   // of the step from the middle
        const Vec3 c0 = cross(r1, r2), c1 = cross(r2, r0), c2 = cross(r0, r1);
        const double det = dot(r0, c0);
        if (!(det > 0)) return middle;
        return middle + (1 / det) * (right[0] * c0 + right[1] * c1 + right[2] * c2);
    }
};

// Roundness of triangles of which the normal means little, and of those that are to be avoided.
constexpr double kSliver = 0.1, kLine = 1e-3;

class Decimator {
public:
    explicit Decimator(const Surface& s)
        : s_(s), around_(s.points.size()), quadrics_(s.points.size()), stamp_(s.points.size()) {
        for (size_t t = 0; t < s.triangles.size(); t++) {
            const Vec3 area = s.area_vector(t);
            const double length = std::sqrt(dot(area, area));
            for (const uint32_t p : s.triangles[t]) {
                around_[p].push_back(uint32_t(t));
                if (length == 0) continue;
                const Vec3 n = (1 / length) * area;
                quadrics_[p].add_plane(n, -dot(n, s.corner(t, 0)), length);
            }
        }
    }

    Surface run(size_t most) {
        // What could not go at first may when others have gone: until a pass finds nothing.
        for (size_t left = s_.triangles.size(), before = 0; left > most && left != before;) {
            before = left;
            for (const Triangle& t : s_.triangles)
                for (size_t k = 0; k < 3; k++)
                    if (t[k] < t[(k + 1) % 3]) offer(t[k], t[(k + 1) % 3]);
            while (left > most && !offers_.empty()) {
                const Offer o = offers_.top();
                offers_.pop();
                if (o.stamp != stamp_[o.a] + stamp_[o.b] || around_[o.a].empty() ||
                    around_[o.b].empty() || !may_go(o))
                    continue;
                collapse(o);
                left -= 2;
            }
        }
        return packed();
    }

private:
    struct Offer {
        double cost;
        uint32_t a, b, stamp;
        Vec3 to;
        bool operator<(const Offer& o) const { return cost > o.cost; }   // the cheapest on top
    };

    void offer(uint32_t a, uint32_t b) {
        Quadric q = quadrics_[a];
        q += quadrics_[b];
        const Vec3 to = q.least_near(0.5 * (s_.points[a] + s_.points[b]));
        offers_.push({q(to), a, b, stamp_[a] + stamp_[b], to});
    }

    std::vector<uint32_t> neighbours(uint32_t p) const {
        std::vector<uint32_t> found;
        for (const uint32_t t : around_[p])
            for (const uint32_t q : s_.triangles[t])
                if (q != p) found.push_back(q);
        std::sort(found.begin(), found.end());
        found.erase(std::unique(found.begin(), found.end()), found.end());
        return found;
    }

    // The points are joined by an edge and their links meet in that of the edge alone (Dey,
    // Edelsbrunner, Guha, Nekhayev. Topology preserving edge contraction. 1999).
    bool may_join(uint32_t a, uint32_t b) const {
        const std::vector<uint32_t> of_a = neighbours(a), of_b = neighbours(b);
        std::vector<uint32_t> both;
        std::set_intersection(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(),
                              std::back_inserter(both));
        if (both.size() != 2) return false;
        const auto opposite = [&](uint32_t p) {
            return std::any_of(around_[p].begin(), around_[p].end(), [&](uint32_t t) {
                const Triangle& c = s_.triangles[t];
                return std::count(c.begin(), c.end(), both[0]) &&
                       std::count(c.begin(), c.end(), both[1]);
            });
        };
        return !(opposite(a) && opposite(b));
    }

    // Twice the area over the square of the longest side: 0.87 at most, 0 of a line.
    static double roundness(const Vec3& p, const Vec3& q, const Vec3& r) {
        const Vec3 a = q - p, b = r - p, c = r - q, area = cross(a, b);
        const double longest = std::max({dot(a, a), dot(b, b), dot(c, c)});
        return longest > 0 ? std::sqrt(dot(area, area)) / longest : 0;
    }

    // No triangle that stays is turned by more than 70 degrees or becomes more of a sliver.
    // Slivers, of which the normal means little, are held against that of all around the edge.
    bool keeps_shape(uint32_t moved, uint32_t other, const Vec3& to, const Vec3& all) const {
        for (const uint32_t t : around_[moved]) {
            const Triangle& c = s_.triangles[t];
            if (std::count(c.begin(), c.end(), other)) continue;
            const size_t k = size_t(std::find(c.begin(), c.end(), moved) - c.begin());
            const Vec3 p = s_.corner(t, (k + 1) % 3), q = s_.corner(t, (k + 2) % 3);
            const double before = roundness(s_.points[moved], p, q), after = roundness(to, p, q);
            if (!(after > kLine || after > before)) return false;
            const Vec3 area = cross(p - to, q - to),
                       held = before > kSliver ? s_.area_vector(t) : all;
            if (!(dot(held, area) > 0.34 * std::sqrt(dot(area, area) * dot(held, held))))
                return false;
        }
        return true;
    }

    bool may_go(const Offer& o) const {
        if (!may_join(o.a, o.b)) return false;
        Vec3 all{};
        for (const uint32_t p : {o.a, o.b})
            for (const uint32_t t : around_[p]) all = all + s_.area_vector(t);
        return keeps_shape(o.a, o.b, o.to, all) && keeps_shape(o.b, o.a, o.to, all);
    }

    void collapse(const Offer& o) {
        for (const uint32_t t : around_[o.b]) {
            Triangle& c = s_.triangles[t];
            if (std::count(c.begin(), c.end(), o.a)) {
                for (const uint32_t p : c)
                    if (p != o.b) std::erase(around_[p], t);
                c = {o.a, o.a, o.a};
            } else {
                std::replace(c.begin(), c.end(), o.b, o.a);
                around_[o.a].push_back(t);
            }
        }
        around_[o.b].clear();
        s_.points[o.a] = o.to;
        quadrics_[o.a] += quadrics_[o.b];
        const std::vector<uint32_t> near = neighbours(o.a);
        stamp_[o.a]++;
        for (const uint32_t p : near) offer(std::min(o.a, p), std::max(o.a, p));
    }

    Surface packed() const {
        Surface out;
        std::vector<uint32_t> renamed(s_.points.size());
        for (size_t i = 0; i < s_.points.size(); i++)
            if (!around_[i].empty()) {
                renamed[i] = uint32_t(out.points.size());
                out.points.push_back(s_.points[i]);
            }
        for (const Triangle& t : s_.triangles)
            if (t[0] != t[1])
                out.triangles.push_back({renamed[t[0]], renamed[t[1]], renamed[t[2]]});
        return out;
    }

    Surface s_;
    std::vector<std::vector<uint32_t>> around_;   // triangles of each point
    std::vector<Quadric> quadrics_;
    std::vector<uint32_t> stamp_;   // how often a point changed: offers made before are stale
    std::priority_queue<Offer> offers_;
};

}   // namespace

Surface decimate(const Surface& surface, size_t most) { return Decimator(surface).run(most); }

}   // namespace kiln
