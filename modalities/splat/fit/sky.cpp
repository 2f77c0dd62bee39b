// Directions by the golden angle.
// Source: Gonzalez. Measurement of Areas on a Sphere Using Fibonacci and Latitude-Longitude
// Lattices. 2010, section 2.
#include "modalities/splat/fit/sky.h"

#include <algorithm>
#include <cmath>

#include "modalities/splat/fit/initial.h"
#include "runtime/base/check.h"

namespace kiln {
namespace {

constexpr double kGoldenAngle = 2.399963229728653;
constexpr double kExtents = 20, kReaches = 3;   // it is as far as these times those
constexpr double kMost = 1e6;                   // extents; points beyond are errors

struct Sphere {
    std::array<double, 3> centre{};
    double radius = 0;
};

// Far beyond the cameras and nineteen of twenty points.
Sphere sphere_around(std::span<const FitView> views, const Splats& points) {
    Sphere sphere;
    sphere.centre = middle_of(views);
    std::vector<double> far;
    for (size_t i = 0; i < points.size(); i++) {
        const float* m = &points.means[i * 3];
        far.push_back(std::hypot(double(m[0]) - sphere.centre[0], double(m[1]) - sphere.centre[1],
                                 double(m[2]) - sphere.centre[2]));
    }
    const double extent = extent_of(views, points);
    sphere.radius = kExtents * extent;
    if (!far.empty()) {
        const auto reach = far.begin() + int64_t(far.size() * 19 / 20);
        std::nth_element(far.begin(), reach, far.end());
        sphere.radius = std::max(sphere.radius, std::min(kReaches * *reach, kMost * extent));
    }
    return sphere;
}

// Where a picture shows what is infinitely far in a direction; null where it does not.
const uint8_t* pixel_of(const FitView& view, const std::array<double, 3>& d) {
    const Camera& c = view.camera;
    double t[3] = {};
    for (size_t row = 0; row < 3; row++)
        for (size_t k = 0; k < 3; k++) t[row] += double(c.rotation[row * 3 + k]) * d[k];
    if (!(t[2] > 0)) return nullptr;
    const double x = double(c.fx) * t[0] / t[2] + double(c.cx),
                 y = double(c.fy) * t[1] / t[2] + double(c.cy);
    const Image& image = view.image;
    if (!(x >= 0 && y >= 0 && x < image.width && y < image.height)) return nullptr;
    return &image.pixels[(size_t(y) * size_t(image.width) + size_t(x)) * size_t(image.channels)];
}

}   // namespace

Splats sky_splats(std::span<const FitView> views, const Splats& points, size_t n) {
    const Sphere sphere = sphere_around(views, points);
    std::vector<float> positions, colours;
    for (size_t i = 0; i < n; i++) {
        const double y = 1 - 2 * (double(i) + 0.5) / double(n), r = std::sqrt(1 - y * y),
                     angle = kGoldenAngle * double(i);
        const std::array<double, 3> d = {r * std::cos(angle), y, r * std::sin(angle)};
        std::vector<uint8_t> seen[3];
        for (const FitView& view : views)
            if (const uint8_t* pixel = pixel_of(view, d))
                for (size_t k = 0; k < 3; k++) seen[k].push_back(pixel[k]);
        if (seen[0].empty()) continue;
        for (size_t k = 0; k < 3; k++) {
            const auto middle = seen[k].begin() + int64_t(seen[k].size() / 2);
            std::nth_element(seen[k].begin(), middle, seen[k].end());
            positions.push_back(float(sphere.centre[k] + sphere.radius * d[k]));
            colours.push_back(float(*middle) / 255);
        }
    }
    Splats sky = splats_at(positions, colours, {.opacity = 0.9f});
    // Where few are left they are still neighbours of those that were.
    const float width =
        float(std::log(sphere.radius * std::sqrt(4 * 3.14159265358979 / double(n))));
    for (float& scale : sky.log_scales) scale = width;
    return sky;
}

Splats joined(Splats first, const Splats& second) {
    ensure(first.sh_degree == second.sh_degree, "splats of the same degree");
    const auto add = [](std::vector<float>& to, const std::vector<float>& from) {
        to.insert(to.end(), from.begin(), from.end());
    };
    add(first.means, second.means), add(first.log_scales, second.log_scales);
    add(first.quaternions, second.quaternions), add(first.logits, second.logits);
    add(first.sh, second.sh);
    return first;
}

}   // namespace kiln
