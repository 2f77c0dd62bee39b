// Linear unmixing of the edge's pixels: Porter, Duff. Compositing Digital Images. 1984, "over".
#include "modalities/splat/distillation/cut_out.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/base/check.h"

namespace kiln {
namespace {

using Colour = std::array<double, 3>;
constexpr int kLeastSide = 16, kMostSide = 16384;

enum Kind : uint8_t { unknown, background };

// Calls f(x, y) for each neighbour of a pixel in a picture.
template <class F>
void around(const Image& image, int x, int y, F f) {
    for (int v = std::max(0, y - 1); v <= std::min(image.height - 1, y + 1); v++)
        for (int u = std::max(0, x - 1); u <= std::min(image.width - 1, x + 1); u++)
            if (u != x || v != y) f(u, v);
}

size_t place(const Image& image, int x, int y) {
    return size_t(y) * size_t(image.width) + size_t(x);
}

// Of RGBA.
int difference(const uint8_t* a, const uint8_t* b) {
    return std::max({std::abs(a[0] - b[0]), std::abs(a[1] - b[1]), std::abs(a[2] - b[2])});
}

Image with_alpha(const Image& image) {
    Image rgba{image.width, image.height, 4, {}};
    const size_t c = size_t(image.channels), n = image.pixels.size() / c;
    rgba.pixels.resize(n * 4);
    for (size_t i = 0; i < n; i++) {
        const uint8_t* from = &image.pixels[i * c];
        for (size_t k = 0; k < 3; k++) rgba.pixels[i * 4 + k] = from[c < 3 ? 0 : k];
        rgba.pixels[i * 4 + 3] = c % 2 ? 255 : from[c - 1];
    }
    return rgba;
}

std::vector<size_t> border_of(const Image& image) {
    std::vector<size_t> places;
    for (int x = 0; x < image.width; x++)
        for (const int y : {0, image.height - 1}) places.push_back(place(image, x, y));
    for (int y = 0; y < image.height; y++)
        for (const int x : {0, image.width - 1}) places.push_back(place(image, x, y));
    return places;
}

// Which pixels are background; none where it is not plain.
std::vector<Kind> background_of(const Image& rgba, const CutOutOptions& options) {
    const std::vector<size_t> border = border_of(rgba);
    std::array<uint8_t, 3> median;
    for (size_t k = 0; k < 3; k++) {
        std::vector<uint8_t> values;
        for (const size_t at : border) values.push_back(rgba.pixels[at * 4 + k]);
        std::nth_element(values.begin(), values.begin() + int64_t(values.size() / 2), values.end());
        median[k] = values[values.size() / 2];
    }
    const auto near = [&](size_t at) {
        return difference(&rgba.pixels[at * 4], median.data()) <= options.reach;
    };
    const auto like = std::count_if(border.begin(), border.end(), near);
    if (double(like) < options.border * double(border.size())) return {};
    std::vector<Kind> kinds(rgba.pixels.size() / 4, unknown);
    std::vector<size_t> open;
    const auto take = [&](size_t at) {
        if (kinds[at] == background) return;
        kinds[at] = background;
        open.push_back(at);
    };
    for (const size_t at : border)
        if (near(at)) take(at);
    while (!open.empty()) {
        const size_t at = open.back();
        open.pop_back();
        const int x = int(at % size_t(rgba.width)), y = int(at / size_t(rgba.width));
        around(rgba, x, y, [&](int u, int v) {
            const size_t other = place(rgba, u, v);
            if ((u == x || v == y) && near(other) &&
                difference(&rgba.pixels[at * 4], &rgba.pixels[other * 4]) <= options.step)
                take(other);
        });
    }
    return kinds;
}

// The alpha of a pixel beside the background, c = a o + (1 - a) b: o the mean of the object's
// colours around that are not beside it, b that of the background's around. Colours become a o.
void unmix(const Image& rgba, const std::vector<Kind>& kinds, int x, int y, uint8_t* to) {
    Colour o{}, b{};
    int inner = 0, outer = 0;
    around(rgba, x, y, [&](int u, int v) {
        const bool behind = kinds[place(rgba, u, v)] == background;
        bool edge = false;
        around(rgba, u, v,
               [&](int s, int t) { edge = edge || kinds[place(rgba, s, t)] == background; });
        if (!behind && edge) return;
        for (size_t k = 0; k < 3; k++)
            (behind ? b : o)[k] += double(rgba.pixels[place(rgba, u, v) * 4 + k]);
        (behind ? outer : inner)++;
    });
    if (!inner || !outer) return;
    double along = 0, whole = 0;
    for (size_t k = 0; k < 3; k++) {
        o[k] /= inner, b[k] /= outer;
        along += (double(to[k]) - b[k]) * (o[k] - b[k]), whole += (o[k] - b[k]) * (o[k] - b[k]);
    }
    const double a = whole > 0 ? std::clamp(along / whole, 0.0, 1.0) : 1;
    for (size_t k = 0; k < 3; k++)
        to[k] = uint8_t(std::lround(std::clamp(double(to[k]) - (1 - a) * b[k], 0.0, 255 * a)));
    to[3] = uint8_t(std::lround(255 * a));
}

Image without(const Image& rgba, const std::vector<Kind>& kinds) {
    Image cut = rgba;
    for (int y = 0; y < rgba.height; y++)
        for (int x = 0; x < rgba.width; x++) {
            uint8_t* to = &cut.pixels[place(rgba, x, y) * 4];
            if (kinds[place(rgba, x, y)] == background)
                std::fill_n(to, 4, uint8_t(0));
            else
                unmix(rgba, kinds, x, y, to);
        }
    return cut;
}

// By what is in alpha now.
void multiply(Image& rgba) {
    for (size_t at = 0; at < rgba.pixels.size(); at += 4)
        for (size_t k = 0; k < 3; k++)
            rgba.pixels[at + k] = uint8_t((rgba.pixels[at + k] * rgba.pixels[at + 3] + 127) / 255);
}

// Pixels that are rather object than not.
size_t covered(const Image& rgba) {
    size_t count = 0;
    for (size_t at = 3; at < rgba.pixels.size(); at += 4) count += rgba.pixels[at] > 127;
    return count;
}

// What a pixel of a resampled line takes from one of its source.
struct Tap {
    int from, to;
    float weight;
};

// Of `size` pixels, each `scale` of the source's `length` wide, the first of which begins at
// `begin`: a triangle as wide as two of the coarser pixels. Beyond the source all is 0.
std::vector<Tap> taps(double begin, double scale, int size, int length) {
    const double reach = std::max(scale, 1.0);
    std::vector<Tap> all;
    for (int to = 0; to < size; to++) {
        const double centre = begin + (to + 0.5) * scale - 0.5;
        const int low = int(std::ceil(centre - reach)), high = int(std::floor(centre + reach));
        double sum = 0;
        for (int from = low; from <= high; from++)
            sum += std::max(0.0, 1 - std::abs(from - centre) / reach);
        for (int from = std::max(low, 0); from <= std::min(high, length - 1); from++) {
            const double weight = std::max(0.0, 1 - std::abs(from - centre) / reach) / sum;
            all.push_back({from, to, float(weight)});
        }
    }
    return all;
}

std::string size_of(const Image& image) {
    return std::to_string(image.width) + " x " + std::to_string(image.height);
}

}   // namespace

Result<Image> cut_out(const Image& picture, const std::optional<Image>& mask,
                      const std::string& where, const CutOutOptions& options) {
    const auto [least, most] = std::minmax(picture.width, picture.height);
    if (least < kLeastSide || most > kMostSide)
        return Error{Status::bad_file,
                     where + ": " + size_of(picture) + " pixels: 16 to 16384 a side are expected"};
    Image rgba = with_alpha(picture);
    const size_t pixels = rgba.pixels.size() / 4;
    if (mask) {
        if (mask->width != picture.width || mask->height != picture.height)
            return Error{Status::usage, where + ": a picture of " + size_of(picture) +
                                            " pixels with a mask of " + size_of(*mask)};
        for (size_t i = 0; i < pixels; i++) rgba.pixels[i * 4 + 3] = mask->pixels[i];
    }
    bool opaque = true;
    for (size_t i = 0; i < pixels; i++) opaque = opaque && rgba.pixels[i * 4 + 3] == 255;
    if (opaque && !mask) {
        const std::vector<Kind> kinds = background_of(rgba, options);
        if (!kinds.empty()) rgba = without(rgba, kinds);
        if (kinds.empty() || !covered(rgba))
            return Error{Status::usage,
                         where + ": no object is found in it: it has no alpha, and " +
                             (kinds.empty() ? "its background is not plain"
                                            : "nothing stands out from its plain background") +
                             "; give a mask"};
        return rgba;
    }
    if (opaque) return Error{Status::bad_file, where + ": its mask leaves nothing of background"};
    if (!covered(rgba))
        return Error{Status::bad_file,
                     where + ": its " + (mask ? "mask" : "alpha") + " leaves nothing of it"};
    multiply(rgba);
    return rgba;
}

Image framed(const Image& cut, int size, double fill) {
    int left = cut.width, right = -1, top = cut.height, bottom = -1;
    const auto object = [&](int x, int y) { return cut.pixels[place(cut, x, y) * 4 + 3] > 127; };
    for (int y = 0; y < cut.height; y++)
        for (int x = 0; x < cut.width; x++)
            if (object(x, y)) {
                left = std::min(left, x), right = std::max(right, x);
                top = std::min(top, y), bottom = std::max(bottom, y);
            }
    ensure(right >= left, "a cut-out shows something");
    const double middle[2] = {(left + right + 1) / 2.0, (top + bottom + 1) / 2.0};
    double farthest = 0.5;
    for (int y = top; y <= bottom; y++)
        for (int x = left; x <= right; x++)
            if (object(x, y))
                farthest = std::max(farthest, std::hypot(x + 0.5 - middle[0], y + 0.5 - middle[1]));
    const double side = 2 * farthest / fill, scale = side / size;
    const std::vector<Tap> across = taps(middle[0] - side / 2, scale, size, cut.width),
                           down = taps(middle[1] - side / 2, scale, size, cut.height);
    const size_t n = size_t(size) * 4;
    std::vector<float> rows(size_t(cut.height) * n), sums(size_t(size) * n);
    for (int y = 0; y < cut.height; y++)
        for (const Tap& t : across)
            for (size_t k = 0; k < 4; k++)
                rows[size_t(y) * n + size_t(t.to) * 4 + k] +=
                    t.weight * float(cut.pixels[place(cut, t.from, y) * 4 + k]);
    for (const Tap& t : down)
        for (size_t k = 0; k < n; k++)
            sums[size_t(t.to) * n + k] += t.weight * rows[size_t(t.from) * n + k];
    Image square{size, size, 4, std::vector<uint8_t>(sums.size())};
    for (size_t i = 0; i < sums.size(); i++)
        square.pixels[i] = uint8_t(std::lround(std::clamp(sums[i], 0.0f, 255.0f)));
    return square;
}

}   // namespace kiln
