#include "modalities/splat/mesh/bake.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kiln {
namespace {

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
constexpr size_t kAtOnce = 1 << 14;   // texels, about

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

// The point of a triangle nearest to a texel; none where the normals of its corners cancel out.
std::optional<Spot> spot_at(const Surface& s, const std::vector<Vec3>& normals, const Unwrapped& u,
                            uint32_t triangle, double x, double y) {
    const Vec3 share = nearest_in(flat(u, triangle), {x, y}).shares;
    const Triangle& c = s.triangles[triangle];
    Vec3 place{}, normal{};
    for (size_t k = 0; k < 3; k++) {
        place = place + share[k] * s.points[c[k]];
        normal = normal + share[k] * normals[c[k]];
    }
    const double length = std::sqrt(dot(normal, normal));
    if (!(length > 1e-6)) return {};
    return Spot{place, (1 / length) * normal};
}

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

}   // namespace

Result<Image> bake(const Surface& surface, const std::vector<Vec3>& normals,
                   const Unwrapped& unwrapped, int size, const Paint& paint,
                   const Cancelled& cancelled) {
    const std::vector<uint32_t> owners = owners_of(unwrapped, size);
    Image image{size, size, 3, std::vector<uint8_t>(owners.size() * 3, 128)};
    std::vector<uint32_t> painted, texels;
    std::vector<Spot> spots;
    for (uint32_t at = 0; at < owners.size(); at++) {
        if (owners[at] != kNone) {
            const double x = at % uint32_t(size) + 0.5, y = at / uint32_t(size) + 0.5;
            if (const auto spot = spot_at(surface, normals, unwrapped, owners[at], x, y)) {
                texels.push_back(at);
                spots.push_back(*spot);
            }
        }
        if (spots.size() < kAtOnce && at + 1 < owners.size()) continue;
        if (cancelled && cancelled()) return Error{Status::interrupted, "interrupted"};
        const auto colours = paint(spots);
        if (!colours) return colours.error();
        for (size_t i = 0; i < texels.size(); i++) {
            if (!(*colours)[i]) continue;
            painted.push_back(texels[i]);
            for (size_t c = 0; c < 3; c++)
                image.pixels[size_t(texels[i]) * 3 + c] =
                    uint8_t(std::lround((*(*colours)[i])[c] * 255));
        }
        texels.clear(), spots.clear();
    }
    spread(image, std::move(painted));
    return image;
}

}   // namespace kiln
