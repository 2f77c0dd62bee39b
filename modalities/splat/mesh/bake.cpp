#include "modalities/splat/mesh/bake.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "modalities/splat/assets/transform.h"
#include "modalities/splat/mesh/lookup.h"

namespace kiln {
namespace {

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
constexpr double kFaintest = 1 / 255.0;   // as the rasteriser: what counts as nothing

using Vec2 = std::array<double, 2>;
using Flat = std::array<Vec2, 3>;

double cross(const Vec2& a, const Vec2& b) { return a[0] * b[1] - a[1] * b[0]; }
Vec2 from_to(const Vec2& a, const Vec2& b) { return {b[0] - a[0], b[1] - a[1]}; }

// The shares of its corners in the point of a triangle that is nearest to `p`, and how far it is.
struct Nearest {
    Vec3 shares;
    double distance;
};
Nearest nearest_in(const Flat& t, const Vec2& p) {
    const double area = cross(from_to(t[0], t[1]), from_to(t[0], t[2]));
    const double q = cross(from_to(t[0], p), from_to(t[0], t[2])) / area;
    const double r = cross(from_to(t[0], t[1]), from_to(t[0], p)) / area;
    if (area > 0 && q >= 0 && r >= 0 && q + r <= 1) return {{1 - q - r, q, r}, 0};
    Nearest best{{}, std::numeric_limits<double>::max()};
    for (size_t k = 0; k < 3; k++) {
        const Vec2 side = from_to(t[k], t[(k + 1) % 3]), to = from_to(t[k], p);
        const double square = side[0] * side[0] + side[1] * side[1];
        const double along = side[0] * to[0] + side[1] * to[1];
        const double share = square > 0 ? std::clamp(along / square, 0.0, 1.0) : 0;
        const double distance = std::hypot(to[0] - share * side[0], to[1] - share * side[1]);
        if (distance >= best.distance) continue;
        best = {{}, distance};
        best.shares[k] = 1 - share, best.shares[(k + 1) % 3] = share;
    }
    return best;
}

Flat flat(const Unwrapped& u, uint32_t t) {
    const Triangle& c = u.triangles[t];
    return {u.texels[c[0]], u.texels[c[1]], u.texels[c[2]]};
}

// Which triangle a texel shows: the one that its centre is in, else one within `kSkirt` of that,
// so that slivers have a texel and filters find at borders what goes on there; else kNone.
std::vector<uint32_t> owners_of(const Unwrapped& u, int size) {
    constexpr double kSkirt = 1.2;
    std::vector<uint32_t> owners(size_t(size) * size_t(size), kNone);
    for (const double within : {0.0, kSkirt})
        for (uint32_t t = 0; t < u.triangles.size(); t++) {
            const Flat f = flat(u, t);
            std::array<int, 2> first, last;
            for (size_t axis = 0; axis < 2; axis++) {
                const auto bounds = std::minmax({f[0][axis], f[1][axis], f[2][axis]});
                first[axis] = std::max(0, int(std::ceil(bounds.first - 0.5 - within)));
                last[axis] = std::min(size - 1, int(std::floor(bounds.second - 0.5 + within)));
            }
            for (int y = first[1]; y <= last[1]; y++)
                for (int x = first[0]; x <= last[0]; x++) {
                    uint32_t& owner = owners[size_t(y) * size_t(size) + size_t(x)];
                    if (owner == kNone && nearest_in(f, {x + 0.5, y + 0.5}).distance <= within)
                        owner = t;
                }
        }
    return owners;
}

struct Seen {
    double along;   // how far in front of the surface a line of sight is nearest to it
    uint32_t gaussian;
    bool operator<(const Seen& o) const {   // the outermost on top of a heap
        return along != o.along ? along < o.along : gaussian > o.gaussian;
    }
};

class Baker {
public:
    Baker(const Surface& surface, const std::vector<Vec3>& normals, const Unwrapped& u,
          const Splats& splats, const std::vector<Gaussian>& cloud, double reach, const Box& box)
        : s_(surface),
          normals_(normals),
          u_(u),
          splats_(splats),
          cloud_(cloud),
          reach_(reach),
          lookup_(cloud, box, reach) {
        for (const Gaussian& g : cloud) {
            const double square = 2 * std::log(g.opacity / kFaintest) * g.widest * g.widest;
            around_.push_back(
                {float(g.mean[0]), float(g.mean[1]), float(g.mean[2]), float(1.01 * square)});
        }
    }

    // The colour of the point of a triangle nearest to a texel; false if no splat is seen there.
    bool shade(uint32_t triangle, double x, double y, std::vector<Seen>& seen, Vec3& colour) const {
        const Vec3 share = nearest_in(flat(u_, triangle), {x, y}).shares;
        const Triangle& c = s_.triangles[triangle];
        Vec3 place{}, normal{};
        for (size_t k = 0; k < 3; k++) {
            place = place + share[k] * s_.points[c[k]];
            normal = normal + share[k] * normals_[c[k]];
        }
        const double length = std::sqrt(dot(normal, normal));
        if (!(length > 1e-6)) return false;
        normal = (1 / length) * normal;
        look(place, normal, seen);
        return composite(place, normal, seen, colour);
    }

private:
    // What the line through a place along the normal passes, as a heap.
    void look(const Vec3& place, const Vec3& normal, std::vector<Seen>& seen) const {
        seen.clear();
        const float p[3] = {float(place[0]), float(place[1]), float(place[2])};
        const float n[3] = {float(normal[0]), float(normal[1]), float(normal[2])};
        for (const uint32_t i : lookup_.near(place)) {
            const std::array<float, 4>& ball = around_[i];
            const float d[3] = {p[0] - ball[0], p[1] - ball[1], p[2] - ball[2]};
            const float along_line = d[0] * n[0] + d[1] * n[1] + d[2] * n[2];
            if (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] - along_line * along_line > ball[3])
                continue;
            const Gaussian& g = cloud_[i];
            const Vec3 turned = g.conic * normal;
            const double square = dot(normal, turned);
            const double along = -dot(place - g.mean, turned) / square;
            // What is far in front is another part of the object; what is behind hides itself.
            if (along <= std::max(reach_, 2 / std::sqrt(square))) seen.push_back({along, i});
        }
        std::make_heap(seen.begin(), seen.end());
    }

    // Inwards, for as long as there is light.
    bool composite(const Vec3& place, const Vec3& normal, std::vector<Seen>& seen,
                   Vec3& colour) const {
        double basis[16], light = 1;
        const double direction[3] = {-normal[0], -normal[1], -normal[2]};
        sh_basis(direction, splats_.sh_degree, basis);
        const size_t k = size_t(sh_count(splats_.sh_degree));
        colour = {};
        for (; !seen.empty() && light > 1e-3; seen.pop_back()) {
            std::pop_heap(seen.begin(), seen.end());
            const Gaussian& g = cloud_[seen.back().gaussian];
            const double alpha = std::min(0.99, g(place + seen.back().along * normal));
            if (!(alpha >= kFaintest)) continue;
            const float* sh = &splats_.sh[g.splat * k * 3];
            for (size_t c = 0; c < 3; c++) {
                double v = 0.5;
                for (size_t j = 0; j < k; j++) v += basis[j] * double(sh[j * 3 + c]);
                colour[c] += light * alpha * std::clamp(v, 0.0, 1.0);
            }
            light *= 1 - alpha;
        }
        if (light > 0.95) return false;
        colour = (1 / (1 - light)) * colour;
        return true;
    }

    const Surface& s_;
    const std::vector<Vec3>& normals_;
    const Unwrapped& u_;
    const Splats& splats_;
    const std::vector<Gaussian>& cloud_;
    double reach_;
    Lookup lookup_;
    // Balls around what is seen of each Gaussian, the radius squared: most lines miss most of them.
    std::vector<std::array<float, 4>> around_;
};

// Gives every texel the colour of the nearest one in `order`, steps along rows and columns counted.
void spread(Image& image, std::vector<uint32_t> order) {
    const uint32_t size = uint32_t(image.width);
    std::vector<bool> known(size_t(size) * size);
    for (const uint32_t at : order) known[at] = true;
    for (size_t i = 0; i < order.size(); i++) {
        const uint32_t at = order[i], x = at % size, y = at / size;
        const auto give = [&](uint32_t to) {
            if (known[to]) return;
            known[to] = true;
            std::copy_n(&image.pixels[size_t(at) * 3], 3, &image.pixels[size_t(to) * 3]);
            order.push_back(to);
        };
        if (x > 0) give(at - 1);
        if (x + 1 < size) give(at + 1);
        if (y > 0) give(at - size);
        if (y + 1 < size) give(at + size);
    }
}

Box box_of(const Surface& s) {
    Box box{s.points[0], s.points[0]};
    for (const Vec3& p : s.points)
        for (size_t axis = 0; axis < 3; axis++) {
            box.low[axis] = std::min(box.low[axis], p[axis]);
            box.high[axis] = std::max(box.high[axis], p[axis]);
        }
    return box;
}

}   // namespace

Image bake(const Surface& surface, const std::vector<Vec3>& normals, const Unwrapped& unwrapped,
           int size, const Splats& splats, const std::vector<Gaussian>& cloud,
           const BakeOptions& options) {
    const std::vector<uint32_t> owners = owners_of(unwrapped, size);
    const Baker baker(surface, normals, unwrapped, splats, cloud, options.reach, box_of(surface));
    Image image{size, size, 3, std::vector<uint8_t>(owners.size() * 3, 128)};
    std::vector<uint8_t> shaded(owners.size());
    std::atomic<int> next = 0;
    const auto work = [&] {
        std::vector<Seen> seen;
        for (int y; (y = next++) < size;) {
            if (options.cancelled && options.cancelled()) return;
            for (int x = 0; x < size; x++) {
                const size_t at = size_t(y) * size_t(size) + size_t(x);
                Vec3 colour;
                if (owners[at] == kNone || !baker.shade(owners[at], x + 0.5, y + 0.5, seen, colour))
                    continue;
                shaded[at] = 1;
                for (size_t c = 0; c < 3; c++)
                    image.pixels[at * 3 + c] = uint8_t(std::lround(colour[c] * 255));
            }
        }
    };
    std::vector<std::jthread> workers;
    for (unsigned i = 1; i < std::thread::hardware_concurrency(); i++) workers.emplace_back(work);
    work();
    workers.clear();
    std::vector<uint32_t> order;
    for (uint32_t i = 0; i < shaded.size(); i++)
        if (shaded[i]) order.push_back(i);
    spread(image, std::move(order));
    return image;
}

}   // namespace kiln
