// Pictures of a scene with cameras, as transforms.json, made without a device: three balls in front
// of nothing.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/io/file.h"
#include "runtime/io/image.h"

namespace kiln::test {

using Vec = std::array<double, 3>;

struct BallInScene {
    Vec centre, colour;   // a world with z up; 0 to 1
    double radius;
};
inline constexpr BallInScene kBalls[] = {{{0, 0, 0}, {0.9, 0.2, 0.1}, 0.5},
                                         {{0.6, 0.2, 0.4}, {0.1, 0.7, 0.2}, 0.3},
                                         {{-0.3, 0.5, -0.4}, {0.2, 0.3, 0.9}, 0.35}};

// RGBA of what a ray meets first, brighter from above.
inline std::array<uint8_t, 4> traced(const Vec& from, const Vec& along) {
    double nearest = 1e9;
    std::array<uint8_t, 4> pixel{};
    for (const BallInScene& ball : kBalls) {
        double b = 0, c = -ball.radius * ball.radius;
        for (size_t a = 0; a < 3; a++) {
            const double off = from[a] - ball.centre[a];
            b += off * along[a], c += off * off;
        }
        const double t = -b - std::sqrt(std::max(0.0, b * b - c));
        if (b * b < c || t >= nearest) continue;
        nearest = t;
        const double up = (from[2] + t * along[2] - ball.centre[2]) / ball.radius;
        for (size_t a = 0; a < 3; a++) pixel[a] = uint8_t(255 * ball.colour[a] * (0.7 + 0.3 * up));
        pixel[3] = 255;
    }
    return pixel;
}

// Over 4 x 4 points of a pixel; the colour over those that show something.
template <class Sample>
std::array<uint8_t, 4> mean_of(Sample sample) {
    constexpr int kAcross = 4;
    std::array<int, 4> sum{};
    int hits = 0;
    for (int i = 0; i < kAcross * kAcross; i++) {
        const auto one = sample((i % kAcross + 0.5) / kAcross, (i / kAcross + 0.5) / kAcross);
        hits += one[3] > 0;
        for (size_t c = 0; c < 4; c++) sum[c] += one[c];
    }
    std::array<uint8_t, 4> mean{};
    for (size_t c = 0; c < 4; c++)
        mean[c] = uint8_t(sum[c] / (c < 3 ? std::max(hits, 1) : kAcross * kAcross));
    return mean;
}

// `count` views of size x size pixels from all around, the first of them from the side.
inline void write_scene(const std::filesystem::path& folder, int count, int size) {
    constexpr double kDistance = 3.2, kSlope = 0.4;   // of half the angle of view
    std::filesystem::create_directories(folder);
    std::string frames;
    for (int i = 0; i < count; i++) {
        const double z = 1.4 * (i + 0.5) / count - 0.7, r = std::sqrt(1 - z * z), turn = 2.4 * i;
        const Vec back = {r * std::cos(turn), r * std::sin(turn), z};
        const Vec right = {-std::sin(turn), std::cos(turn), 0};
        const Vec up = {-z * std::cos(turn), -z * std::sin(turn), r};
        Image image{size, size, 4, {}};
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++) {
                const auto pixel = mean_of([&](double across, double down) {
                    const double u = (2 * (x + across) / size - 1) * kSlope;
                    const double v = (1 - 2 * (y + down) / size) * kSlope;
                    Vec from, along;
                    for (size_t a = 0; a < 3; a++) {
                        from[a] = kDistance * back[a];
                        along[a] = (u * right[a] + v * up[a] - back[a]) / std::hypot(1, u, v);
                    }
                    return traced(from, along);
                });
                image.pixels.insert(image.pixels.end(), pixel.begin(), pixel.end());
            }
        const std::string name = "view_" + std::to_string(100 + i);
        const auto png = encode_png(image);
        std::ofstream(folder / (name + ".png"), std::ios::binary) << as_text(png);
        std::string rows;
        for (size_t a = 0; a < 3; a++)
            rows += "[" + std::to_string(right[a]) + "," + std::to_string(up[a]) + "," +
                    std::to_string(back[a]) + "," + std::to_string(kDistance * back[a]) + "],";
        frames += (i ? "," : "") + std::string("{\"file_path\":\"") + name +
                  "\",\"transform_matrix\":[" + rows + "[0,0,0,1]]}";
    }
    std::ofstream(folder / "transforms.json")
        << "{\"camera_angle_x\":" << 2 * std::atan(kSlope) << ",\"frames\":[" << frames << "]}";
}

}   // namespace kiln::test
