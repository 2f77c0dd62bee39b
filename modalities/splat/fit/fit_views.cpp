#include "modalities/splat/fit/fit_views.h"

#include <algorithm>
#include <cmath>

#include "runtime/base/hash.h"

namespace kiln {
namespace {

constexpr int kLeastSide = 16;

bool sound(const Camera& c) {
    bool finite = std::isfinite(c.cx) && std::isfinite(c.cy);
    for (const float v : c.rotation) finite = finite && std::isfinite(v);
    for (const float v : c.translation) finite = finite && std::isfinite(v);
    return finite && c.fx > 0 && c.fy > 0 && std::isfinite(c.fx) && std::isfinite(c.fy);
}

double distance(const std::array<double, 3>& a, const std::array<double, 3>& b) {
    return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

std::array<double, 3> place_of(const FitView& view) {
    const std::array<float, 3> p = position_of(view.camera);
    return {double(p[0]), double(p[1]), double(p[2])};
}

}   // namespace

std::string flaw_of(std::span<const FitView> views) {
    if (views.empty()) return "no pictures to learn from";
    for (size_t i = 0; i < views.size(); i++) {
        const Image& image = views[i].image;
        const std::string which = "picture " + std::to_string(i + 1);
        if (image.channels != 3 && image.channels != 4) return which + " is neither RGB nor RGBA";
        if (image.width < kLeastSide || image.height < kLeastSide)
            return which + " is " + std::to_string(image.width) + " x " +
                   std::to_string(image.height) + ": 16 x 16 pixels are the least";
        if (image.pixels.size() !=
            size_t(image.width) * size_t(image.height) * size_t(image.channels))
            return which + " has not as many values as pixels";
        if (!sound(views[i].camera))
            return which + " has a camera that is not finite or without focal length";
    }
    return "";
}

std::array<double, 3> middle_of(std::span<const FitView> views) {
    std::array<double, 3> middle{};
    for (const FitView& view : views)
        for (size_t k = 0; k < 3; k++) middle[k] += place_of(view)[k] / double(views.size());
    return middle;
}

double extent_of(std::span<const FitView> views, const Splats& splats) {
    const std::array<double, 3> middle = middle_of(views);
    double most = 0, mean = 0;
    for (const FitView& view : views) most = std::max(most, 1.1 * distance(place_of(view), middle));
    const size_t n = splats.size();
    for (size_t i = 0; i < n; i++)
        mean += distance({double(splats.means[i * 3]), double(splats.means[i * 3 + 1]),
                          double(splats.means[i * 3 + 2])},
                         middle) /
                double(n);
    const double extent = most > 1e-3 * mean ? most : mean;
    return std::clamp(extent, 1e-6, 1e9);
}

uint64_t fingerprint_of(std::span<const FitView> views) {
    uint64_t hash = kHashSeed;
    for (const FitView& view : views) {
        const Camera& c = view.camera;
        const float lens[4] = {c.fx, c.fy, c.cx, c.cy};
        const int size[3] = {view.image.width, view.image.height, view.image.channels};
        hash = hash_bytes(std::as_bytes(std::span(c.rotation)), hash);
        hash = hash_bytes(std::as_bytes(std::span(c.translation)), hash);
        hash = hash_bytes(std::as_bytes(std::span(lens)), hash);
        hash = hash_bytes(std::as_bytes(std::span(size)), hash);
        hash = hash_bytes(std::as_bytes(std::span(view.image.pixels)), hash);
    }
    return hash;
}

int most_factor(const FitView& view) {
    return std::min(view.image.width, view.image.height) / kLeastSide;
}

Camera scaled(const Camera& camera, int smaller) {
    Camera c = camera;
    for (float* v : {&c.fx, &c.fy, &c.cx, &c.cy}) *v /= float(smaller);
    return c;
}

std::vector<float> target_of(const FitView& view, int smaller) {
    const Image& image = view.image;
    const int width = image.width / smaller, height = image.height / smaller;
    const size_t channels = size_t(image.channels);
    std::vector<float> target(size_t(width) * size_t(height) * 4, channels == 3 ? 1.0f : 0.0f);
    const float share = 1 / (255.0f * float(smaller) * float(smaller));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint32_t sums[4] = {};
            for (int dy = 0; dy < smaller; dy++) {
                const size_t at =
                    size_t(y * smaller + dy) * size_t(image.width) + size_t(x * smaller);
                const uint8_t* from = &image.pixels[at * channels];
                for (size_t i = 0; i < size_t(smaller) * channels; i++)
                    sums[i % channels] += from[i];
            }
            float* to = &target[(size_t(y) * size_t(width) + size_t(x)) * 4];
            for (size_t k = 0; k < channels; k++) to[k] = float(sums[k]) * share;
        }
    return target;
}

double psnr(std::span<const float> drawn, std::span<const float> wanted,
            const std::array<float, 3>& background) {
    double sum = 0;
    for (size_t i = 0; i < drawn.size(); i++) {
        const float* w = &wanted[i / 3 * 4];
        const double d = std::clamp(double(drawn[i]), 0.0, 1.0) -
                         double(w[i % 3] + (1 - w[3]) * background[i % 3]);
        sum += d * d;
    }
    return -10 * std::log10(std::max(sum / double(drawn.size()), 1e-12));
}

}   // namespace kiln
