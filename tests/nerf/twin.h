// A radiance field and its renderer in double on the CPU, from the mathematics: what the kernels
// are compared with.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "modalities/nerf/renderer.h"
#include "modalities/splat/raster/rasteriser.h"
#include "tests/support/harmonics.h"

namespace kiln::test {

inline FieldOptions small_field(int levels, bool directional, int neurons = 32) {
    return {.centre = {0.1, -0.2, 0.3},
            .half = 1.3,
            .levels = levels,
            .entries = 10,
            .coarsest = 3,
            .finest = 19,   // the first levels are dense, the last ones share entries
            .neurons = neurons,
            .directional = directional,
            .seed = 5};
}

// Features as large as what is learnt, else all is fog.
inline std::vector<float> lively(const FieldLayout& layout, uint32_t seed) {
    std::vector<float> values = layout.initial(seed);
    std::mt19937 random(seed);
    for (size_t i = 0; i < layout.density(); i++)
        values[i] = float(4 * double(random()) / 4294967295.0 - 2);
    return values;
}

class FieldTwin {
public:
    FieldTwin(const FieldOptions& options, const MarchOptions& march)
        : layout_(options), options_(march), occupied_(cells(march), true) {}

    std::vector<double> x;   // the parameters
    void set(const std::vector<float>& values) { x.assign(values.begin(), values.end()); }

    // Every cell with the chance `share`.
    std::vector<uint32_t> occupy(double share, uint32_t seed) {
        std::mt19937 random(seed);
        std::vector<uint32_t> bits((occupied_.size() + 31) / 32);
        for (size_t i = 0; i < occupied_.size(); i++) {
            occupied_[i] = double(random()) / 4294967296.0 < share;
            if (occupied_[i]) bits[i / 32] |= 1u << (i % 32);
        }
        return bits;
    }

    // r, g, b before their sigmoid, and the log density.
    std::array<double, 4> look(const double* place, const double* direction) const {
        std::vector<double> features;
        for (const FieldLayout::Level& level : layout_.levels()) encode(level, place, features);
        std::vector<double> latent = perceptron(layout_.density(), features, kLatent);
        const double density = latent[0];
        const std::array basis = harmonics({direction[0], direction[1], direction[2]});
        latent.insert(latent.end(), basis.begin(), basis.begin() + layout_.harmonics());
        const std::vector<double> y = perceptron(layout_.colour(), latent, 4);
        return {y[0], y[1], y[2], density};
    }

    // [8], and whether rounding may have a part in where the samples are.
    std::array<double, kChannels> shade(const Ray& ray, const std::array<float, 3>& background,
                                        bool& close, size_t* samples = nullptr) const {
        std::array<double, kChannels> out{};
        const double d[3] = {ray.direction[0], ray.direction[1], ray.direction[2]};
        const double spacing = 1.0 / options_.steps;
        double light = 1;
        close = false;
        const bool blind = d[0] == 0 && d[1] == 0 && d[2] == 0;
        for (double k = 0; !blind && k < 20.0 * options_.steps; k++) {
            const double t = (k + double(ray.offset)) * spacing;
            double at[3], depth_in = 1;
            for (size_t a = 0; a < 3; a++) {
                at[a] = double(ray.origin[a]) + t * d[a];
                depth_in = std::min({depth_in, at[a], 1 - at[a]});
            }
            close = close || std::abs(depth_in) < 1e-5;
            if (depth_in < 0 || !is_occupied(at, close)) continue;
            if (samples) ++*samples;
            if (light < 1e-4) continue;
            const std::array<double, 4> y = look(at, d);
            const double left = light * std::exp(-std::exp(std::min(y[3], 12.0)) * spacing);
            for (size_t c = 0; c < 3; c++) out[c] += (light - left) / (1 + std::exp(-y[c]));
            out[4] += (light - left) * t * double(ray.depth);
            light = left;
            close = close || std::abs(light / 1e-4 - 1) < 1e-3;
        }
        for (size_t c = 0; c < 3; c++) out[c] += light * double(background[c]);
        out[3] = 1 - light;
        return out;
    }

    const FieldLayout& layout() const { return layout_; }

private:
    static size_t cells(const MarchOptions& o) { return size_t(o.cells * o.cells * o.cells); }

    bool is_occupied(const double* at, bool& close) const {
        size_t index = 0, n = size_t(options_.cells);
        for (size_t a = 3; a-- > 0;) {
            const double cell = at[a] * options_.cells;
            close = close || std::abs(cell - std::round(cell)) < 1e-4;
            index = index * n + std::min(size_t(cell), n - 1);
        }
        return occupied_[index];
    }

    void encode(const FieldLayout::Level& level, const double* place,
                std::vector<double>& features) const {
        uint32_t low[3];
        double within[3], sum[2] = {};
        for (size_t a = 0; a < 3; a++) {
            const double at = std::clamp(place[a], 0.0, 1.0) * level.cells;
            low[a] = std::min(uint32_t(at), level.cells - 1);
            within[a] = at - low[a];
        }
        for (uint32_t k = 0; k < 8; k++) {
            uint32_t corner[3];
            double weight = 1;
            for (uint32_t a = 0; a < 3; a++) {
                const uint32_t up = (k >> a) & 1;
                corner[a] = low[a] + up;
                weight *= up ? within[a] : 1 - within[a];
            }
            const uint32_t side = level.cells + 1;
            const uint32_t entry =
                level.dense ? corner[0] + side * (corner[1] + side * corner[2])
                            : (corner[0] ^ (corner[1] * 2654435761u) ^ (corner[2] * 805459861u)) %
                                  level.entries;
            for (size_t f = 0; f < 2; f++) sum[f] += weight * x[2 * (level.first + entry) + f];
        }
        features.insert(features.end(), sum, sum + 2);
    }

    std::vector<double> perceptron(uint64_t begin, const std::vector<double>& in,
                                   size_t out) const {
        std::vector<double> y(out);
        for (uint32_t j = 0; j < layout_.neurons(); j++) {
            const double* w = &x[begin + j * (in.size() + out)];
            double sum = 0;
            for (size_t k = 0; k < in.size(); k++) sum += w[k] * in[k];
            for (size_t k = 0; k < out; k++) y[k] += std::max(sum, 0.0) * w[in.size() + k];
        }
        return y;
    }

    FieldLayout layout_;
    MarchOptions options_;
    std::vector<bool> occupied_;
};

}   // namespace kiln::test
