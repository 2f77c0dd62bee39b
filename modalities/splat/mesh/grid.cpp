#include "modalities/splat/mesh/grid.h"

#include <algorithm>
#include <cmath>

namespace kiln {
namespace {

std::vector<float> densest(const DensityGrid& grid, size_t axis) {
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

DensityGrid grid_over(const Box& box, size_t cells) {
    const Vec3 extent = box.high - box.low;
    const double longest = *std::max_element(extent.begin(), extent.end());
    DensityGrid grid{{}, {}, longest / double(cells), {}};
    for (size_t axis = 0; axis < 3; axis++) {
        const double across = std::ceil(extent[axis] / grid.spacing - 1e-6);
        grid.size[axis] = size_t(across) + 3;
        grid.origin[axis] =
            (box.low[axis] + box.high[axis] - double(grid.size[axis] - 1) * grid.spacing) / 2;
    }
    grid.values.resize(grid.size[0] * grid.size[1] * grid.size[2]);
    return grid;
}

double threshold_like(const DensityGrid& grid, const Shadows& shadows) {
    struct Pixel {
        float densest;
        bool dark;
    };
    std::vector<Pixel> pixels;
    size_t dark = 0;
    for (size_t axis = 0; axis < 3; axis++) {
        const std::vector<float> most = densest(grid, axis);
        for (size_t i = 0; i < most.size(); i++) {
            pixels.push_back({most[i], shadows[axis][i]});
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

void clear_border(DensityGrid& grid) {
    size_t at = 0;
    for (size_t z = 0; z < grid.size[2]; z++)
        for (size_t y = 0; y < grid.size[1]; y++)
            for (size_t x = 0; x < grid.size[0]; x++, at++)
                if (x == 0 || y == 0 || z == 0 || x + 1 == grid.size[0] || y + 1 == grid.size[1] ||
                    z + 1 == grid.size[2])
                    grid.values[at] = 0;
}

void fill_hollows(DensityGrid& grid, float threshold) {
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

void bounds_above(const DensityGrid& grid, double threshold, Box& bounds) {
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
