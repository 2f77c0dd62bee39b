#include "modalities/nerf/field_solid.h"

#include <algorithm>
#include <cmath>

#include "runtime/base/check.h"

namespace kiln {
namespace {

constexpr double kHalf = 0.6931471805599453;   // the optical depth that lets half of the light by
constexpr size_t kAtOnce = 1 << 16;            // places that are looked at
// Short rays begin so many cells in front of the surface, and end so far behind it, in such steps.
constexpr double kFront = 2, kBehind = 0.08, kStep = 0.008;
constexpr double kLeastAlpha = 0.05;   // of a short ray: less is not seen

Ray sample_at(const Vec3& place, const Vec3& direction) {
    Ray ray{};
    for (size_t axis = 0; axis < 3; axis++) {
        ray.origin[axis] = float(place[axis]);
        ray.direction[axis] = float(direction[axis]);
    }
    return ray;
}

// What lets less than half of the light through along an axis, of densities.
Shadows shadows_of(const DensityGrid& grid) {
    Shadows shadows;
    for (size_t axis = 0; axis < 3; axis++) {
        const size_t u = axis == 0 ? 1 : 0, v = axis == 2 ? 1 : 2;
        std::vector<double> sums(grid.size[u] * grid.size[v]);
        size_t at[3], from = 0;
        for (at[2] = 0; at[2] < grid.size[2]; at[2]++)
            for (at[1] = 0; at[1] < grid.size[1]; at[1]++)
                for (at[0] = 0; at[0] < grid.size[0]; at[0]++)
                    sums[at[v] * grid.size[u] + at[u]] += double(grid.values[from++]);
        for (const double sum : sums) shadows[axis].push_back(sum * grid.spacing > kHalf);
    }
    return shadows;
}

// The least optical depth of any way from the border, from point to point of a grid of densities.
class LeastDepths {
public:
    explicit LeastDepths(const DensityGrid& grid)
        : grid_(grid), depths_(grid.values.size(), kDeep) {
        for (int way = 0; way < 13; way++) {   // to half of the 26 neighbours, those before a point
            const int d[3] = {way % 3 - 1, way / 3 % 3 - 1, way / 9 - 1};
            const double length = std::sqrt(double(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]));
            before_.push_back(
                {d[0] + ptrdiff_t(grid.size[0]) * (d[1] + ptrdiff_t(grid.size[1]) * d[2]),
                 float(length * grid.spacing / 2)});
        }
        for (bool less = true; less;) {
            less = sweep(1);
            less = sweep(-1) || less;
        }
    }
    std::vector<float> take() { return std::move(depths_); }

private:
    static constexpr float kDeep = 1e30f, kLess = 1e-3f;

    // Whether any became less, going through the points in their order or backwards.
    bool sweep(ptrdiff_t sign) {
        const auto [nx, ny, nz] = grid_.size;
        bool less = false;
        for (size_t k = 0; k < nz; k++)
            for (size_t j = 0; j < ny; j++)
                for (size_t i = 0; i < nx; i++) {
                    const size_t nth = (k * ny + j) * nx + i;
                    const size_t at = sign > 0 ? nth : depths_.size() - 1 - nth;
                    const float now =
                        i % (nx - 1) && j % (ny - 1) && k % (nz - 1) ? by(at, sign) : 0;
                    less = less || now < depths_[at] - kLess;
                    depths_[at] = now;
                }
        return less;
    }
    float by(size_t at, ptrdiff_t sign) const {
        float least = depths_[at];
        for (const auto& [offset, half_length] : before_) {
            const size_t from = size_t(ptrdiff_t(at) + sign * offset);
            const float way = half_length * (grid_.values[at] + grid_.values[from]);
            least = std::min(least, depths_[from] + way);
        }
        return least;
    }

    struct Neighbour {
        ptrdiff_t offset;
        float half_length;
    };
    const DensityGrid& grid_;
    std::vector<Neighbour> before_;
    std::vector<float> depths_;
};

}   // namespace

FieldSolid::FieldSolid(FieldRenderer& renderer, const FieldOptions& field, int cells,
                       std::vector<uint32_t> occupied)
    : renderer_(renderer), field_(field), cells_(size_t(cells)), occupied_(std::move(occupied)) {
    ensure(cells > 0 && occupied_.size() == (cells_ * cells_ * cells_ + 31) / 32,
           "a bit for each cell");
}

Solid::Frame FieldSolid::frame() const {
    Frame frame{{}, 2 * field_.half};
    for (size_t axis = 0; axis < 3; axis++) frame.origin[axis] = field_.centre[axis] - field_.half;
    return frame;
}

Box FieldSolid::box() const {
    Box box{{1, 1, 1}, {0, 0, 0}};
    for (size_t i = 0; i < cells_ * cells_ * cells_; i++) {
        if (!((occupied_[i / 32] >> (i % 32)) & 1)) continue;
        const size_t cell[3] = {i % cells_, i / cells_ % cells_, i / (cells_ * cells_)};
        for (size_t axis = 0; axis < 3; axis++) {
            box.low[axis] = std::min(box.low[axis], double(cell[axis]) / double(cells_));
            box.high[axis] = std::max(box.high[axis], double(cell[axis] + 1) / double(cells_));
        }
    }
    return box.low[0] < box.high[0] ? box : Box{{0, 0, 0}, {1, 1, 1}};
}

bool FieldSolid::occupied(const Vec3& place) const {
    size_t cell = 0;
    for (const size_t axis : {2, 1, 0}) {
        if (!(place[axis] >= 0 && place[axis] < 1)) return false;
        cell = cell * cells_ + size_t(place[axis] * double(cells_));
    }
    return (occupied_[cell / 32] >> (cell % 32)) & 1;
}

Result<double> FieldSolid::measure(DensityGrid& grid, const Cancelled& cancelled) {
    const size_t nx = grid.size[0], ny = grid.size[1];
    std::vector<Ray> places;
    std::vector<size_t> points;
    for (size_t at = 0; at < grid.values.size(); at++) {
        const Vec3 steps = {double(at % nx), double(at / nx % ny), double(at / (nx * ny))};
        const Vec3 place = grid.origin + grid.spacing * steps;
        if (occupied(place)) {
            places.push_back(sample_at(place, {}));
            points.push_back(at);
        }
        if (places.size() < kAtOnce && at + 1 < grid.values.size()) continue;
        if (cancelled && cancelled()) return 0.0;
        const auto seen = renderer_.look(places);
        if (!seen) return seen.error();
        for (size_t i = 0; i < points.size(); i++) grid.values[points[i]] = (*seen)[i][3];
        places.clear(), points.clear();
    }
    const Shadows shadows = shadows_of(grid);
    grid.values = LeastDepths(grid).take();
    for (float& value : grid.values) value = -std::expm1(-value);
    return threshold_like(grid, shadows);
}

Paint FieldSolid::paint(const Surface&, double spacing) {
    return [this, spacing](std::span<const Spot> spots) { return seen(spots, spacing); };
}

Result<std::vector<std::optional<Vec3>>> FieldSolid::seen(std::span<const Spot> spots,
                                                          double spacing) {
    std::vector<size_t> owners;
    std::vector<Ray> places;
    for (size_t i = 0; i < spots.size(); i++)
        for (double along = kFront * spacing; along > -kBehind; along -= kStep) {   // inwards
            const Vec3 place = spots[i].place + along * spots[i].normal;
            if (!occupied(place)) continue;
            owners.push_back(i);
            places.push_back(sample_at(place, -1.0 * spots[i].normal));
        }
    const auto looked = renderer_.look(places);
    if (!looked) return looked.error();
    std::vector<std::optional<Vec3>> colours(spots.size());
    for (size_t at = 0; at < owners.size();) {
        const size_t spot = owners[at];
        Vec3 sum{};
        double light = 1;
        for (; at < owners.size() && owners[at] == spot; at++) {
            const auto& [red, green, blue, density] = (*looked)[at];
            const double left = light * std::exp(-double(density) * kStep);
            sum = sum + (light - left) * Vec3{double(red), double(green), double(blue)};
            light = left;
        }
        if (1 - light >= kLeastAlpha) colours[spot] = (1 / (1 - light)) * sum;
    }
    return colours;
}

}   // namespace kiln
