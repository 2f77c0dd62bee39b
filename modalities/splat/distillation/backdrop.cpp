#include "modalities/splat/distillation/backdrop.h"

#include <algorithm>
#include <cmath>

#include "modalities/splat/fit/draws.h"
#include "modalities/splat/raster/rasteriser.h"

namespace kiln {
namespace {

// Calls f(at, source, weight) for the two sources along an axis of each place in the result.
template <class F>
void along_axis(int from, int to, F f) {
    for (int at = 0; at < to; at++) {
        const double centre = std::clamp((at + 0.5) * from / to - 0.5, 0.0, double(from - 1));
        const int low = int(centre), high = std::min(low + 1, from - 1);
        f(at, low, 1 - (centre - low));
        f(at, high, centre - low);
    }
}

}   // namespace

std::array<float, 3> draw_backdrop(const Backdrops& b, uint64_t seed, uint64_t index) {
    Draws draws(seed, index);
    const double gray = draws.between(b.darkest, b.lightest);
    std::array<float, 3> colour{float(gray), float(gray), float(gray)};
    if (draws.share() < b.coloured)
        for (float& c : colour) c = float(draws.share());
    return colour;
}

std::vector<float> before(std::span<const float> drawn, const std::array<float, 3>& backdrop) {
    const size_t pixels = drawn.size() / kChannels;
    std::vector<float> picture(pixels * 3);
    for (size_t p = 0; p < pixels; p++) {
        const float* pixel = &drawn[p * kChannels];
        for (size_t c = 0; c < 3; c++)
            picture[p * 3 + c] = std::clamp(
                pixel[c] + (1 - pixel[size_t(Channel::alpha)]) * backdrop[c], 0.0f, 1.0f);
    }
    return picture;
}

std::vector<float> before_backward(std::span<const float> drawn,
                                   const std::array<float, 3>& backdrop,
                                   std::span<const float> slopes) {
    const size_t pixels = drawn.size() / kChannels;
    std::vector<float> by_drawn(drawn.size());
    for (size_t p = 0; p < pixels; p++) {
        const float* pixel = &drawn[p * kChannels];
        float* to = &by_drawn[p * kChannels];
        for (size_t c = 0; c < 3; c++) {
            const float value = pixel[c] + (1 - pixel[size_t(Channel::alpha)]) * backdrop[c],
                        slope = slopes[p * 3 + c];
            if ((value > 1 && slope < 0) || (value < 0 && slope > 0)) continue;
            to[c] = slope;
            to[size_t(Channel::alpha)] -= slope * backdrop[c];
        }
    }
    return by_drawn;
}

std::vector<float> resized(std::span<const float> picture, int from, int to, int channels) {
    const size_t c = size_t(channels), row = size_t(from) * c;
    std::vector<float> tall(size_t(to) * row), result(size_t(to) * size_t(to) * c);
    along_axis(from, to, [&](int at, int source, double weight) {
        for (size_t k = 0; k < row; k++)
            tall[size_t(at) * row + k] += float(weight * picture[size_t(source) * row + k]);
    });
    along_axis(from, to, [&](int at, int source, double weight) {
        for (size_t y = 0; y < size_t(to); y++)
            for (size_t k = 0; k < c; k++)
                result[(y * size_t(to) + size_t(at)) * c + k] +=
                    float(weight * tall[y * row + size_t(source) * c + k]);
    });
    return result;
}

std::vector<float> resized_backward(std::span<const float> slopes, int from, int to, int channels) {
    const size_t c = size_t(channels), row = size_t(from) * c;
    std::vector<float> tall(size_t(to) * row), result(size_t(from) * row);
    along_axis(from, to, [&](int at, int source, double weight) {
        for (size_t y = 0; y < size_t(to); y++)
            for (size_t k = 0; k < c; k++)
                tall[y * row + size_t(source) * c + k] +=
                    float(weight * slopes[(y * size_t(to) + size_t(at)) * c + k]);
    });
    along_axis(from, to, [&](int at, int source, double weight) {
        for (size_t k = 0; k < row; k++)
            result[size_t(source) * row + k] += float(weight * tall[size_t(at) * row + k]);
    });
    return result;
}

}   // namespace kiln
