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

// Which triangle lies on the centre of a texel; kNone where none does.
std::vector<uint32_t> owners_of(const Unwrapped& u, int size) {
    std::vector<uint32_t> owners(size_t(size) * size_t(size), kNone);
    for (uint32_t t = 0; t < u.triangles.size(); t++) {
        const auto &a = u.texels[u.triangles[t][0]], &b = u.texels[u.triangles[t][1]],
                   &c = u.texels[u.triangles[t][2]];
        const auto side = [](const auto& p, const auto& q, double x, double y) {
            return (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]);
        };
        const auto first = [](double low) { return int(std::ceil(low - 0.5)); };
        const auto last = [](double high) { return int(std::floor(high - 0.5)); };
        for (int y = first(std::min({a[1], b[1], c[1]})); y <= last(std::max({a[1], b[1], c[1]}));
             y++)
            for (int x = first(std::min({a[0], b[0], c[0]}));
                 x <= last(std::max({a[0], b[0], c[0]})); x++) {
                const double px = x + 0.5, py = y + 0.5;
                if (side(a, b, px, py) >= 0 && side(b, c, px, py) >= 0 && side(c, a, px, py) >= 0)
                    owners[size_t(y) * size_t(size) + size_t(x)] = t;
            }
    }
    return owners;
}

struct Seen {
    double along, alpha;   // how far in front of the surface; how opaque
    uint32_t gaussian;
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
          lookup_(cloud, box, reach) {}

    // The colour of a point of a triangle; false if no splat is seen there.
    bool shade(uint32_t triangle, double x, double y, std::vector<Seen>& seen, Vec3& colour) const {
        const Triangle& c = u_.triangles[triangle];
        const auto &a = u_.texels[c[0]], &b = u_.texels[c[1]], &d = u_.texels[c[2]];
        const double area = (b[0] - a[0]) * (d[1] - a[1]) - (b[1] - a[1]) * (d[0] - a[0]);
        const double q = ((x - a[0]) * (d[1] - a[1]) - (y - a[1]) * (d[0] - a[0])) / area;
        const double r = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area;
        if (!(area > 0)) return false;
        const Triangle& p = s_.triangles[triangle];
        const Vec3 place =
            (1 - q - r) * s_.points[p[0]] + q * s_.points[p[1]] + r * s_.points[p[2]];
        Vec3 normal = (1 - q - r) * normals_[p[0]] + q * normals_[p[1]] + r * normals_[p[2]];
        const double length = std::sqrt(dot(normal, normal));
        if (!(length > 1e-6)) return false;
        normal = (1 / length) * normal;
        look(place, normal, seen);
        return composite(normal, seen, colour);
    }

private:
    // Every splat by the line through a place along the normal, the outermost first.
    void look(const Vec3& place, const Vec3& normal, std::vector<Seen>& seen) const {
        seen.clear();
        for (const uint32_t i : lookup_.near(place)) {
            const Gaussian& g = cloud_[i];
            const Vec3 from = place - g.mean, turned = g.conic * normal;
            const double square = dot(normal, turned), slope = dot(from, turned);
            const double least = dot(from, g.conic * from) - slope * slope / square;
            const double along = -slope / square;   // where the line passes nearest
            const double alpha = std::min(0.99, g.opacity * std::exp(-0.5 * least));
            if (!(alpha >= kFaintest) ||
                along * along * std::min(square, 4 / (reach_ * reach_)) > 4)
                continue;
            seen.push_back({along, alpha, i});
        }
        std::sort(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) {
            return a.along != b.along ? a.along > b.along : a.gaussian < b.gaussian;
        });
    }

    bool composite(const Vec3& normal, const std::vector<Seen>& seen, Vec3& colour) const {
        double basis[16], light = 1;
        const double direction[3] = {-normal[0], -normal[1], -normal[2]};
        sh_basis(direction, splats_.sh_degree, basis);
        const size_t k = size_t(sh_count(splats_.sh_degree));
        colour = {};
        for (const Seen& s : seen) {
            const float* sh = &splats_.sh[cloud_[s.gaussian].splat * k * 3];
            for (size_t c = 0; c < 3; c++) {
                double v = 0.5;
                for (size_t j = 0; j < k; j++) v += basis[j] * double(sh[j * 3 + c]);
                colour[c] += light * s.alpha * std::clamp(v, 0.0, 1.0);
            }
            light *= 1 - s.alpha;
            if (light < 1e-4) break;
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
