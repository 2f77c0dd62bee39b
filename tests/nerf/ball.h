// A ball whose colour says which way its surface faces, and pictures of it, from the mathematics.
#pragma once
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "modalities/splat/fit/fit.h"
#include "modalities/splat/orbit.h"

namespace kiln::test {

inline constexpr std::array<double, 3> kBallCentre = {0.12, -0.06, 0.08};
inline constexpr double kBallRadius = 0.5;

// What is at a pixel; a whole one is 1, its centre is at a half.
inline std::optional<std::array<double, 3>> ball_colour(const Camera& camera, double x, double y) {
    const double seen[3] = {(x - double(camera.cx)) / double(camera.fx),
                            (y - double(camera.cy)) / double(camera.fy), 1};
    const double length = std::hypot(seen[0], seen[1], seen[2]);
    std::array<double, 3> from{}, along{};   // from the ball's centre, in the world
    double nearest = 0, square = 0;
    for (size_t k = 0; k < 3; k++) {
        for (size_t row = 0; row < 3; row++) {
            const double r = double(camera.rotation[row * 3 + k]);
            from[k] -= r * double(camera.translation[row]);
            along[k] += r * seen[row] / length;
        }
        from[k] -= kBallCentre[k];
        nearest -= from[k] * along[k], square += from[k] * from[k];
    }
    const double within = kBallRadius * kBallRadius - (square - nearest * nearest);
    if (within < 0) return {};
    std::array<double, 3> colour{};
    for (size_t k = 0; k < 3; k++) {
        const double at = from[k] + (nearest - std::sqrt(within)) * along[k];
        colour[k] = 0.5 + 0.4 * at / kBallRadius;
    }
    return colour;
}

// Cameras around the world's middle, in turns of the golden angle from `first` on.
struct Around {
    size_t count = 12;
    double first = 0;
    double field_of_view = 30;   // degrees
    int side = 32;               // pixels
};

inline std::vector<Camera> cameras_around(const Around& a = {}) {
    std::vector<Camera> cameras;
    for (size_t i = 0; i < a.count; i++) {
        const double share = (double(i) + 0.5) / double(a.count);
        const Orbit orbit{.azimuth = 137.50776 * (double(i) + a.first),
                          .elevation = std::asin(1.8 * share - 0.9) * 57.29577951,
                          .distance = 3.5,
                          .target = {},
                          .field_of_view = a.field_of_view};
        cameras.push_back(orbit_camera(orbit, a.side, a.side));
    }
    return cameras;
}

// 4 x 4 samples a pixel: RGBA, or RGB where there is a background.
using Background = std::optional<std::array<float, 3>>;
inline FitView ball_view(const Camera& camera, int side, const Background& background = {}) {
    FitView view{camera, {side, side, background ? 3 : 4, {}}};
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            std::array<double, 4> sum{};
            for (int i = 0; i < 16; i++) {
                const auto colour =
                    ball_colour(camera, x + (i % 4 + 0.5) / 4, y + (i / 4 + 0.5) / 4);
                for (size_t c = 0; c < 3; c++)
                    sum[c] += colour ? (*colour)[c] : background ? double((*background)[c]) : 0;
                sum[3] += colour ? 1 : 0;
            }
            for (size_t c = 0; c < size_t(view.image.channels); c++)
                view.image.pixels.push_back(uint8_t(std::lround(255 * sum[c] / 16)));
        }
    return view;
}

inline std::vector<FitView> ball_views(const Around& around = {},
                                       const Background& background = {}) {
    std::vector<FitView> views;
    for (const Camera& camera : cameras_around(around))
        views.push_back(ball_view(camera, around.side, background));
    return views;
}

}   // namespace kiln::test
