#include "modalities/diffusion/linear_encoder.h"

#include <algorithm>
#include <cmath>

namespace kiln {
namespace {

// Solves (A + ridge I) X = B in place of B, A symmetric [n, n], B [n, m], by Cholesky's L L^T.
void solve_symmetric(std::vector<double> a, std::vector<double>& b, size_t n, size_t m,
                     double ridge) {
    for (size_t i = 0; i < n; i++) a[i * n + i] += ridge;
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k < j; k++)
            for (size_t i = j; i < n; i++) a[i * n + j] -= a[i * n + k] * a[j * n + k];
        const double root = std::sqrt(a[j * n + j]);
        for (size_t i = j; i < n; i++) a[i * n + j] /= root;
    }
    for (size_t c = 0; c < m; c++) {
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < i; k++) b[i * m + c] -= a[i * n + k] * b[k * m + c];
            b[i * m + c] /= a[i * n + i];
        }
        for (size_t i = n; i-- > 0;) {
            for (size_t k = i + 1; k < n; k++) b[i * m + c] -= a[k * n + i] * b[k * m + c];
            b[i * m + c] /= a[i * n + i];
        }
    }
}

}   // namespace

LinearEncoder::LinearEncoder(const PriorInfo& info)
    : info_(info),
      across_(info.width * kOwn),
      down_(info.height * kOwn),
      cell_(info.picture_width / across_),
      products_(kFeatures * (kFeatures + size_t(info.channels))),
      map_(kFeatures * size_t(info.channels)) {
    ensure(cell_ * across_ == info.picture_width && cell_ * down_ == info.picture_height,
           "four cells a latent, of whole pixels");
}

// Mean colours, [down, across, 3], around the middle gray.
std::vector<double> LinearEncoder::cells(std::span<const float> picture) const {
    std::vector<double> means(size_t(down_) * size_t(across_) * 3);
    for (int y = 0; y < info_.picture_height; y++)
        for (int x = 0; x < info_.picture_width; x++)
            for (size_t c = 0; c < 3; c++)
                means[size_t(y / cell_ * across_ + x / cell_) * 3 + c] +=
                    (double(picture[size_t(y * info_.picture_width + x) * 3 + c]) - 0.5) /
                    (cell_ * cell_);
    return means;
}

// Calls f(latent, feature, cell) for all features but the 1; at the edges cells repeat.
template <class F>
void LinearEncoder::windows(F f) const {
    for (int y = 0; y < info_.height; y++)
        for (int x = 0; x < info_.width; x++)
            for (int j = 0; j < kWindow; j++)
                for (int i = 0; i < kWindow; i++) {
                    const int row = std::clamp(y * kOwn + j - 1, 0, down_ - 1),
                              column = std::clamp(x * kOwn + i - 1, 0, across_ - 1);
                    for (int c = 0; c < 3; c++)
                        f(size_t(y * info_.width + x), size_t((j * kWindow + i) * 3 + c),
                          size_t((row * across_ + column) * 3 + c));
                }
}

void LinearEncoder::learn(std::span<const float> pictures, std::span<const float> latents,
                          double keep) {
    const size_t area = size_t(info_.height) * size_t(info_.width), m = size_t(info_.channels);
    for (double& sum : products_) sum *= keep;
    for (size_t n = 0; n * info_.picture_size() < pictures.size(); n++) {
        const auto means = cells(pictures.subspan(n * info_.picture_size(), info_.picture_size()));
        std::vector<double> features(area * kFeatures, 1);
        windows([&](size_t latent, size_t feature, size_t cell) {
            features[latent * kFeatures + feature] = means[cell];
        });
        for (size_t p = 0; p < area; p++) {
            const double* x = &features[p * kFeatures];
            for (size_t i = 0; i < kFeatures; i++) {
                for (size_t j = 0; j < kFeatures; j++) products_[i * kFeatures + j] += x[i] * x[j];
                for (size_t c = 0; c < m; c++)
                    products_[kFeatures * kFeatures + i * m + c] +=
                        x[i] * double(latents[(n * m + c) * area + p]);
            }
        }
    }
}

void LinearEncoder::solve() {
    constexpr size_t squares = kFeatures * kFeatures;
    const std::vector<double> a(products_.begin(), products_.begin() + ptrdiff_t(squares));
    map_.assign(products_.begin() + ptrdiff_t(squares), products_.end());
    const double latents = a.back();   // learned so far
    solve_symmetric(a, map_, kFeatures, size_t(info_.channels), 1e-4 * latents + 1e-9);
}

Result<std::vector<float>> LinearEncoder::encode(std::span<const float> pictures) {
    const size_t area = size_t(info_.height) * size_t(info_.width), m = size_t(info_.channels);
    count_ = pictures.size() / info_.picture_size();
    std::vector<float> latents;
    for (size_t n = 0; n < count_; n++) {
        const auto means = cells(pictures.subspan(n * info_.picture_size(), info_.picture_size()));
        std::vector<double> sums(m * area);
        for (size_t c = 0; c < m; c++)
            std::fill_n(sums.begin() + ptrdiff_t(c * area), area, map_[(kFeatures - 1) * m + c]);
        windows([&](size_t latent, size_t feature, size_t cell) {
            for (size_t c = 0; c < m; c++)
                sums[c * area + latent] += map_[feature * m + c] * means[cell];
        });
        latents.insert(latents.end(), sums.begin(), sums.end());
    }
    return latents;
}

Result<std::vector<float>> LinearEncoder::pull_back(std::span<const float> slopes) {
    const size_t area = size_t(info_.height) * size_t(info_.width), m = size_t(info_.channels);
    std::vector<float> by_pictures;
    for (size_t n = 0; n < count_; n++) {
        const std::span<const float> by_latent = slopes.subspan(n * m * area, m * area);
        std::vector<double> by_cell(size_t(down_) * size_t(across_) * 3);
        windows([&](size_t latent, size_t feature, size_t cell) {
            for (size_t c = 0; c < m; c++)
                by_cell[cell] += map_[feature * m + c] * double(by_latent[c * area + latent]);
        });
        for (int y = 0; y < info_.picture_height; y++)
            for (int x = 0; x < info_.picture_width; x++)
                for (size_t c = 0; c < 3; c++)
                    by_pictures.push_back(
                        float(by_cell[size_t(y / cell_ * across_ + x / cell_) * 3 + c] /
                              (cell_ * cell_)));
    }
    return by_pictures;
}

double LinearEncoder::unexplained(std::span<const float> pictures,
                                  std::span<const float> latents) const {
    LinearEncoder same = *this;
    const std::vector<float> found = take(same.encode(pictures));
    const size_t area = size_t(info_.height) * size_t(info_.width), m = size_t(info_.channels);
    double error = 0, variance = 0;
    for (size_t c = 0; c < m; c++) {
        double sum = 0, squares = 0, count = 0;
        for (size_t k = 0; k < latents.size(); k++) {
            if (k / area % m != c) continue;
            sum += latents[k], squares += double(latents[k]) * latents[k], count++;
            error += std::pow(double(latents[k]) - found[k], 2);
        }
        variance += squares - sum * sum / count;
    }
    return error / variance;
}

}   // namespace kiln
