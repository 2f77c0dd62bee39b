#include "modalities/nerf/visual_hull.h"

#include <algorithm>
#include <cmath>

namespace kiln {
namespace {

constexpr double kMargin = 2;   // pixels
constexpr uint8_t kFaint = 2;   // of 255: alpha that rounding may have left

using Place = std::array<double, 3>;

// How many pixels are not empty, in all rectangles from the top left corner.
class Silhouette {
public:
    explicit Silhouette(const FitView& view)
        : camera_(view.camera), width_(view.image.width), height_(view.image.height) {
        const size_t stride = size_t(width_) + 1;
        sums_.resize(stride * (size_t(height_) + 1));
        for (size_t y = 0; y < size_t(height_); y++)
            for (size_t x = 0; x < size_t(width_); x++) {
                const bool full = view.image.pixels[(y * size_t(width_) + x) * 4 + 3] > kFaint;
                sums_[(y + 1) * stride + x + 1] = uint32_t(full) + sums_[(y + 1) * stride + x] +
                                                  sums_[y * stride + x + 1] - sums_[y * stride + x];
            }
    }

    bool frames(const Place& place) const {
        const Place t = seen(place);
        const double x = double(camera_.fx) * t[0] + double(camera_.cx) * t[2],
                     y = double(camera_.fy) * t[1] + double(camera_.cy) * t[2];
        return t[2] > 0 && x >= 0 && y >= 0 && x <= t[2] * width_ && y <= t[2] * height_;
    }

    // Whether the picture shows that nothing is in a ball.
    bool excludes(const Place& middle, double radius) const {
        const Place t = seen(middle);
        if (t[2] <= 2 * radius) return false;
        const double x = t[0] / t[2], y = t[1] / t[2];
        const double reach = radius / (t[2] - radius) * std::sqrt(1 + x * x + y * y);
        const double px = double(camera_.fx) * x + double(camera_.cx),
                     py = double(camera_.fy) * y + double(camera_.cy);
        const double rx = double(camera_.fx) * reach + kMargin,
                     ry = double(camera_.fy) * reach + kMargin;
        if (!(px - rx >= 0 && py - ry >= 0 && px + rx <= width_ && py + ry <= height_))
            return false;
        const size_t left = size_t(px - rx), right = std::min(size_t(px + rx) + 1, size_t(width_)),
                     top = size_t(py - ry), bottom = std::min(size_t(py + ry) + 1, size_t(height_));
        return at(right, bottom) - at(left, bottom) == at(right, top) - at(left, top);
    }

private:
    Place seen(const Place& place) const {
        Place t;
        for (size_t row = 0; row < 3; row++) {
            t[row] = double(camera_.translation[row]);
            for (size_t k = 0; k < 3; k++)
                t[row] += double(camera_.rotation[row * 3 + k]) * place[k];
        }
        return t;
    }
    uint32_t at(size_t x, size_t y) const { return sums_[y * (size_t(width_) + 1) + x]; }

    Camera camera_;
    int width_, height_;
    std::vector<uint32_t> sums_;
};

}   // namespace

std::vector<uint32_t> visual_hull(std::span<const FitView> views, const FieldOptions& field,
                                  int cells, double framed) {
    std::vector<Silhouette> silhouettes;
    for (const FitView& view : views)
        if (view.image.channels == 4) silhouettes.emplace_back(view);
    const size_t n = size_t(cells);
    std::vector<uint32_t> bits((n * n * n + 31) / 32);
    const double size = 2 * field.half / double(cells), radius = size * std::sqrt(0.75);
    bool any = false;
    size_t last = 0;   // what excludes a cell most likely excludes the next one
    for (size_t i = 0; i < n * n * n; i++) {
        Place middle;
        for (size_t a = 0; const size_t cell : {i % n, i / n % n, i / (n * n)}) {
            middle[a] = field.centre[a] - field.half + size * (double(cell) + 0.5);
            a++;
        }
        bool excluded = !silhouettes.empty() && silhouettes[last].excludes(middle, radius);
        for (size_t s = 0; s < silhouettes.size() && !excluded; s++)
            if (silhouettes[s].excludes(middle, radius)) excluded = true, last = s;
        const auto frames = [&](const Silhouette& s) { return s.frames(middle); };
        if (excluded || double(std::count_if(silhouettes.begin(), silhouettes.end(), frames)) <
                            framed * double(silhouettes.size()))
            continue;
        bits[i / 32] |= 1u << (i % 32);
        any = true;
    }
    if (!any) std::fill(bits.begin(), bits.end(), ~0u);
    return bits;
}

}   // namespace kiln
