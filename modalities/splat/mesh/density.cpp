#include "modalities/splat/mesh/density.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

namespace kiln {
namespace {

constexpr double kFaintest = 1e-3;
constexpr float kHalf = -0.6931472f;   // the logarithm of half the light

// Indices of a grid's points along an axis that lie within `reach` of a place.
struct Range {
    size_t begin, end;
};
Range points_near(const DensityGrid& grid, size_t axis, double place, double reach) {
    const double at = (place - grid.origin[axis]) / grid.spacing, r = reach / grid.spacing;
    const double most = double(grid.size[axis]);
    const double begin = std::clamp(std::ceil(at - r), 0.0, most);
    return {size_t(begin), size_t(std::clamp(std::floor(at + r) + 1, begin, most))};
}

// Adds a Gaussian along a row, by differences of its exponent, which is a parabola.
void add_row(const DensityGrid& grid, const Gaussian& g, double dy, double dz, float* row) {
    const Symmetric& c = g.conic;
    const double slope = c[1] * dy + c[2] * dz;
    const double most = 2 * std::log(g.opacity / kFaintest);
    const double rest = c[3] * dy * dy + 2 * c[4] * dy * dz + c[5] * dz * dz - most;
    const double square = slope * slope - c[0] * rest;
    if (square <= 0) return;
    const double reach = std::sqrt(square) / c[0], h = grid.spacing;
    const Range x = points_near(grid, 0, g.mean[0] - slope / c[0], reach);
    if (x.begin == x.end) return;
    const double dx = grid.origin[0] + h * double(x.begin) - g.mean[0];
    double value = kFaintest * std::exp(-0.5 * (c[0] * dx * dx + 2 * slope * dx + rest));
    double ratio = std::exp(-0.5 * (c[0] * (2 * dx * h + h * h) + 2 * slope * h));
    const double bend = std::exp(-c[0] * h * h);
    for (size_t i = x.begin; i < x.end; i++) {
        row[i] += float(value);
        value *= ratio, ratio *= bend;
    }
}

void add_slab(DensityGrid& grid, const std::vector<Gaussian>& cloud, Range slab,
              const std::function<bool()>& cancelled) {
    size_t until_asked = 0;
    for (const Gaussian& g : cloud) {
        if (g.opacity <= kFaintest) continue;
        const Range y = points_near(grid, 1, g.mean[1], g.reach(1, kFaintest));
        Range z = points_near(grid, 2, g.mean[2], g.reach(2, kFaintest));
        z = {std::max(z.begin, slab.begin), std::min(z.end, slab.end)};
        for (size_t k = z.begin; k < z.end; k++)
            for (size_t j = y.begin; j < y.end; j++) {
                if (until_asked-- == 0) {
                    if (cancelled && cancelled()) return;
                    until_asked = 100000;
                }
                add_row(grid, g, grid.origin[1] + grid.spacing * double(j) - g.mean[1],
                        grid.origin[2] + grid.spacing * double(k) - g.mean[2],
                        &grid.values[(k * grid.size[1] + j) * grid.size[0]]);
            }
    }
}

// How much light splats let through along an axis, from afar, where order does not matter, until it
// is less than half: its logarithm.
std::vector<float> shadow(const DensityGrid& grid, const std::vector<Gaussian>& cloud,
                          size_t axis) {
    constexpr size_t kIndex[3][3] = {{0, 1, 2}, {1, 3, 4}, {2, 4, 5}};
    const size_t u = axis == 0 ? 1 : 0, v = axis == 2 ? 1 : 2;
    std::vector<float> light(grid.size[u] * grid.size[v]);
    for (const Gaussian& g : cloud) {
        const double uu = g.covariance[kIndex[u][u]], uv = g.covariance[kIndex[u][v]],
                     vv = g.covariance[kIndex[v][v]], det = uu * vv - uv * uv;
        const Range i = points_near(grid, u, g.mean[u], g.reach(u, 1 / 255.0));
        const Range j = points_near(grid, v, g.mean[v], g.reach(v, 1 / 255.0));
        for (size_t b = j.begin; b < j.end; b++)
            for (size_t a = i.begin; a < i.end; a++) {
                float& through = light[b * grid.size[u] + a];
                if (through < kHalf) continue;   // darker makes no difference
                const double du = grid.origin[u] + grid.spacing * double(a) - g.mean[u],
                             dv = grid.origin[v] + grid.spacing * double(b) - g.mean[v];
                const double q = (vv * du * du - 2 * uv * du * dv + uu * dv * dv) / det;
                through += float(std::log1p(-std::min(0.99, g.opacity * std::exp(-0.5 * q))));
            }
    }
    return light;
}

}   // namespace

void add_density(DensityGrid& grid, const std::vector<Gaussian>& cloud,
                 const std::function<bool()>& cancelled) {
    const size_t threads =
        std::min<size_t>(std::max(1u, std::thread::hardware_concurrency()), grid.size[2]);
    // Thin slabs taken in turn: clouds are denser in their middle.
    const size_t slabs = threads == 1 ? 1 : std::min(grid.size[2], threads * 4);
    std::atomic<size_t> next = 0;
    const auto work = [&] {
        for (size_t i; (i = next++) < slabs;)
            add_slab(grid, cloud, {grid.size[2] * i / slabs, grid.size[2] * (i + 1) / slabs},
                     cancelled);
    };
    std::vector<std::jthread> workers;
    for (size_t i = 1; i < threads; i++) workers.emplace_back(work);
    work();
}

double threshold_of_shadows(const DensityGrid& grid, const std::vector<Gaussian>& cloud) {
    Shadows shadows;
    for (size_t axis = 0; axis < 3; axis++)
        for (const float light : shadow(grid, cloud, axis)) shadows[axis].push_back(light < kHalf);
    return threshold_like(grid, shadows);
}

}   // namespace kiln
