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
Range points_near(const Grid& grid, size_t axis, double place, double reach) {
    const double at = (place - grid.origin[axis]) / grid.spacing, r = reach / grid.spacing;
    const double most = double(grid.size[axis]);
    const double begin = std::clamp(std::ceil(at - r), 0.0, most);
    return {size_t(begin), size_t(std::clamp(std::floor(at + r) + 1, begin, most))};
}

// Adds a Gaussian along a row, by differences of its exponent, which is a parabola.
void add_row(const Grid& grid, const Gaussian& g, double dy, double dz, float* row) {
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

void add_slab(Grid& grid, const std::vector<Gaussian>& cloud, Range slab,
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
std::vector<float> shadow(const Grid& grid, const std::vector<Gaussian>& cloud, size_t axis) {
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

std::vector<float> densest(const Grid& grid, size_t axis) {
    const size_t u = axis == 0 ? 1 : 0, v = axis == 2 ? 1 : 2;
    std::vector<float> most(grid.size[u] * grid.size[v]);
    size_t at[3];
    for (at[2] = 0; at[2] < grid.size[2]; at[2]++)
        for (at[1] = 0; at[1] < grid.size[1]; at[1]++)
            for (at[0] = 0; at[0] < grid.size[0]; at[0]++) {
                float& m = most[at[v] * grid.size[u] + at[u]];
                m = std::max(m, grid.at(at[0], at[1], at[2]));
            }
    return most;
}

}   // namespace

Grid grid_over(const Box& box, size_t cells) {
    const Vec3 extent = box.high - box.low;
    const double longest = *std::max_element(extent.begin(), extent.end());
    Grid grid{{}, {}, longest / double(cells), {}};
    for (size_t axis = 0; axis < 3; axis++) {
        const double across = std::ceil(extent[axis] / grid.spacing - 1e-6);
        grid.size[axis] = size_t(across) + 3;
        grid.origin[axis] =
            (box.low[axis] + box.high[axis] - double(grid.size[axis] - 1) * grid.spacing) / 2;
    }
    grid.values.resize(grid.size[0] * grid.size[1] * grid.size[2]);
    return grid;
}

void add_density(Grid& grid, const std::vector<Gaussian>& cloud,
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

double threshold_of_shadows(const Grid& grid, const std::vector<Gaussian>& cloud) {
    struct Pixel {
        float densest;
        bool dark;
    };
    std::vector<Pixel> pixels;
    size_t dark = 0;
    for (size_t axis = 0; axis < 3; axis++) {
        const std::vector<float> light = shadow(grid, cloud, axis), most = densest(grid, axis);
        for (size_t i = 0; i < light.size(); i++) {
            pixels.push_back({most[i], light[i] < kHalf});
            dark += pixels.back().dark;
        }
    }
    std::sort(pixels.begin(), pixels.end(),
              [](const Pixel& a, const Pixel& b) { return a.densest > b.densest; });
    double best = 0, threshold = 0;
    size_t both = 0;
    for (size_t i = 0; i + 1 < pixels.size() && pixels[i].densest > 0; i++) {
        both += pixels[i].dark;
        if (pixels[i + 1].densest == pixels[i].densest) continue;
        const double alike = double(both) / double(dark + i + 1 - both);
        if (alike <= best) continue;
        best = alike;
        threshold = (double(pixels[i].densest) + double(pixels[i + 1].densest)) / 2;
    }
    return threshold;
}

void fill_hollows(Grid& grid, float threshold) {
    const auto [nx, ny, nz] = grid.size;
    std::vector<bool> open(grid.values.size());
    std::vector<uint32_t> next = {0};   // the border is empty, hence one piece
    open[0] = true;
    const auto visit = [&](size_t to) {
        if (open[to] || grid.values[to] > threshold) return;
        open[to] = true;
        next.push_back(uint32_t(to));
    };
    while (!next.empty()) {
        const size_t at = next.back(), x = at % nx, y = at / nx % ny, z = at / (nx * ny);
        next.pop_back();
        if (x > 0) visit(at - 1);
        if (x + 1 < nx) visit(at + 1);
        if (y > 0) visit(at - nx);
        if (y + 1 < ny) visit(at + nx);
        if (z > 0) visit(at - nx * ny);
        if (z + 1 < nz) visit(at + nx * ny);
    }
    const float dense = *std::max_element(grid.values.begin(), grid.values.end());
    for (size_t i = 0; i < open.size(); i++)
        if (!open[i] && grid.values[i] <= threshold) grid.values[i] = dense;
}

void bounds_above(const Grid& grid, double threshold, Box& bounds) {
    std::array<size_t, 3> low = grid.size, high{}, at;
    for (at[2] = 0; at[2] < grid.size[2]; at[2]++)
        for (at[1] = 0; at[1] < grid.size[1]; at[1]++)
            for (at[0] = 0; at[0] < grid.size[0]; at[0]++)
                if (double(grid.at(at[0], at[1], at[2])) > threshold)
                    for (size_t axis = 0; axis < 3; axis++) {
                        low[axis] = std::min(low[axis], at[axis]);
                        high[axis] = std::max(high[axis], at[axis]);
                    }
    for (size_t axis = 0; axis < 3; axis++) {
        bounds.low[axis] = grid.origin[axis] + grid.spacing * (double(low[axis]) - 1);
        bounds.high[axis] = grid.origin[axis] + grid.spacing * (double(high[axis]) + 1);
    }
}

}   // namespace kiln
