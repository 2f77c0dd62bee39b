#include "modalities/splat/posed/lens.h"

#include <algorithm>
#include <cmath>

namespace kiln {

Lens scaled(const Lens& lens, int width, int height) {
    Lens l = lens;
    const double across = double(width) / l.width, down = double(height) / l.height;
    l.fx *= across, l.cx *= across, l.fy *= down, l.cy *= down;
    l.width = width, l.height = height;
    return l;
}

Result<Lens> lens_at(const Lens& lens, int width, int height, const std::string& where) {
    Lens l = lens;
    if (l.angle_x > 0) {
        l.width = width, l.height = height, l.angle_x = 0;
        l.fx = l.fy = 0.5 * width / std::tan(0.5 * lens.angle_x);
        l.cx = 0.5 * width, l.cy = 0.5 * height;
        return l;
    }
    if (std::abs(double(width) * l.height / (double(height) * l.width) - 1) > 0.02)
        return Error{Status::bad_file, where + ": has " + std::to_string(width) + " x " +
                                           std::to_string(height) + " pixels, its camera " +
                                           std::to_string(l.width) + " x " +
                                           std::to_string(l.height)};
    return scaled(l, width, height);
}

std::array<double, 2> project(const Lens& l, double x, double y) {
    const double r2 = x * x + y * y, radial = 1 + r2 * (l.k1 + r2 * l.k2);
    const double u = x * radial + 2 * l.p1 * x * y + l.p2 * (r2 + 2 * x * x);
    const double v = y * radial + 2 * l.p2 * x * y + l.p1 * (r2 + 2 * y * y);
    return {l.fx * u + l.cx, l.fy * v + l.cy};
}

namespace {

// Whether all that `straight` sees lies within what `lens` does.
bool covered(const Lens& lens, const Lens& straight) {
    constexpr int kSteps = 64;   // along each side
    constexpr double kSlack = 1e-6;
    for (int side = 0; side < 4; side++)
        for (int i = 0; i <= kSteps; i++) {
            const double t = double(i) / kSteps, end = side % 2;
            const double u = (side < 2 ? t : end) * lens.width;
            const double v = (side < 2 ? end : t) * lens.height;
            const auto [x, y] =
                project(lens, (u - straight.cx) / straight.fx, (v - straight.cy) / straight.fy);
            if (!(x >= -kSlack && x <= lens.width + kSlack && y >= -kSlack &&
                  y <= lens.height + kSlack))
                return false;
        }
    return true;
}

Lens zoomed(const Lens& lens, double zoom) {
    Lens l = lens;
    l.k1 = l.k2 = l.p1 = l.p2 = 0;
    l.fx *= zoom, l.fy *= zoom;
    return l;
}

// Whether points further out are seen further out, up to the corners of what `straight` sees.
bool unfolded(const Lens& lens, const Lens& straight) {
    constexpr int kSteps = 64;
    for (const double u : {0.0, double(lens.width)})
        for (const double v : {0.0, double(lens.height)}) {
            const double x = (u - straight.cx) / straight.fx, y = (v - straight.cy) / straight.fy;
            double before = 0;
            for (int i = 1; i <= kSteps; i++) {
                const double t = double(i) / kSteps;
                const auto at = project(lens, t * x, t * y);
                const double far = std::hypot(at[0] - lens.cx, at[1] - lens.cy);
                if (!(far >= before)) return false;
                before = far;
            }
        }
    return true;
}

}   // namespace

Result<Lens> straight(const Lens& lens, const std::string& where) {
    constexpr double kMost = 4;   // a lens that needs more shows no picture
    double low = 1, high = 1;
    if (!covered(lens, zoomed(lens, 1))) {
        high = kMost;
        for (int i = 0; i < 30; i++) {
            const double middle = 0.5 * (low + high);
            (covered(lens, zoomed(lens, middle)) ? high : low) = middle;
        }
    }
    const Lens found = zoomed(lens, high);
    if (!covered(lens, found) || !unfolded(lens, found))
        return Error{Status::bad_file,
                     where +
                         ": its lens distorts so much that no straight picture is left; run "
                         "colmap image_undistorter"};
    return found;
}

Image straightened(const Image& image, const Lens& lens, const Lens& target) {
    const int channels = image.channels;
    Image out{target.width, target.height, channels, {}};
    out.pixels.resize(size_t(out.width) * size_t(out.height) * size_t(channels));
    uint8_t* to = out.pixels.data();
    for (int j = 0; j < out.height; j++)
        for (int i = 0; i < out.width; i++) {
            const auto at =
                project(lens, (i + 0.5 - target.cx) / target.fx, (j + 0.5 - target.cy) / target.fy);
            const double x = std::clamp(at[0] - 0.5, 0.0, image.width - 1.0);
            const double y = std::clamp(at[1] - 0.5, 0.0, image.height - 1.0);
            const int x0 = int(x), y0 = int(y);
            const int x1 = std::min(x0 + 1, image.width - 1),
                      y1 = std::min(y0 + 1, image.height - 1);
            const auto pixel = [&](int px, int py, int c) {
                return double(image.pixels[(size_t(py) * size_t(image.width) + size_t(px)) *
                                               size_t(channels) +
                                           size_t(c)]);
            };
            const double fx = x - x0, fy = y - y0;
            for (int c = 0; c < channels; c++) {
                const double above = pixel(x0, y0, c) * (1 - fx) + pixel(x1, y0, c) * fx;
                const double below = pixel(x0, y1, c) * (1 - fx) + pixel(x1, y1, c) * fx;
                *to++ = uint8_t(std::lround(above * (1 - fy) + below * fy));
            }
        }
    return out;
}

}   // namespace kiln
