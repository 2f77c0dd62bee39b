// The loss of a picture in double, as it stands in the paper: what the kernels are compared with.
#pragma once
#include <cmath>
#include <cstdlib>
#include <vector>

#include "modalities/splat/fit/losses.h"

namespace kiln::test {

struct Compared {
    int width, height;
    std::vector<double> x;       // [h, w, 8]
    std::vector<float> target;   // [h, w, 4]
    std::array<float, 3> background;
    Exposure exposure;
};

inline double exposed(const Compared& c, size_t at, size_t channel) {
    return double(c.exposure.gain[channel]) * c.x[at * kChannels + channel] +
           double(c.exposure.offset[channel]);
}

// Windows of 11 x 11 as they stand in the paper: not separated, each sum anew.
inline double dissimilarity_at(const Compared& c, const std::vector<double>& y, int px, int py,
                               size_t channel) {
    double sums[5] = {}, norm = 0;
    for (int k = -5; k <= 5; k++) norm += std::exp(-k * k / 4.5);
    for (int dy = -5; dy <= 5; dy++)
        for (int dx = -5; dx <= 5; dx++) {
            const int qx = px + dx, qy = py + dy;
            if (qx < 0 || qy < 0 || qx >= c.width || qy >= c.height) continue;
            const double w = std::exp(-(dx * dx + dy * dy) / 4.5) / (norm * norm);
            const size_t at = size_t(qy * c.width + qx);
            const double a = exposed(c, at, channel), b = y[at * 3 + channel];
            const double values[5] = {a, b, a * a, b * b, a * b};
            for (size_t k = 0; k < 5; k++) sums[k] += w * values[k];
        }
    const double aa = sums[2] - sums[0] * sums[0], bb = sums[3] - sums[1] * sums[1],
                 ab = sums[4] - sums[0] * sums[1];
    return 1 - (2 * sums[0] * sums[1] + 1e-4) * (2 * ab + 9e-4) /
                   ((sums[0] * sums[0] + sums[1] * sums[1] + 1e-4) * (aa + bb + 9e-4));
}

// Over the pixels within `reach` of (x, y) only; all where reach is negative.
inline double loss_of(const Compared& c, const LossOptions& o, int x = 0, int y = 0,
                      int reach = -1) {
    const size_t pixels = size_t(c.width) * size_t(c.height);
    std::vector<double> wanted(pixels * 3);
    for (size_t i = 0; i < wanted.size(); i++) {
        const double a = double(c.target[i / 3 * 4 + 3]);
        wanted[i] = double(c.target[i / 3 * 4 + i % 3]) + (1 - a) * double(c.background[i % 3]);
    }
    double total = 0;
    for (int py = 0; py < c.height; py++)
        for (int px = 0; px < c.width; px++) {
            if (reach >= 0 && (std::abs(px - x) > reach || std::abs(py - y) > reach)) continue;
            const size_t at = size_t(py * c.width + px);
            for (size_t k = 0; k < 3; k++)
                total += ((1 - double(o.ssim)) * std::abs(exposed(c, at, k) - wanted[at * 3 + k]) +
                          double(o.ssim) * dissimilarity_at(c, wanted, px, py, k)) /
                         double(3 * pixels);
            total += double(o.alpha) *
                     std::abs(c.x[at * kChannels + 3] - double(c.target[at * 4 + 3])) /
                     double(pixels);
        }
    return total;
}

}   // namespace kiln::test
