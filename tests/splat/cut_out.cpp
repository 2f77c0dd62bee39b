#include "modalities/splat/distillation/cut_out.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

using namespace kiln;

namespace {

Image filled(int width, int height, int channels, std::vector<uint8_t> colour) {
    Image image{width, height, channels, std::vector<uint8_t>(size_t(width * height * channels))};
    for (size_t i = 0; i < image.pixels.size(); i++) image.pixels[i] = colour[i % colour.size()];
    return image;
}

// How much of pixel (x, y) a disc covers.
double covered(double x, double y, double cx, double cy, double radius) {
    int hits = 0;
    for (int i = 0; i < 64; i++)
        hits += std::hypot(x + (i % 8 + 0.5) / 8 - cx, y + (i / 8 + 0.5) / 8 - cy) < radius;
    return hits / 64.0;
}

constexpr double kX = 40, kY = 25, kRadius = 14;

// A blue disc on gray that gets darker downwards by 40.
Image disc(int channels = 3) {
    Image image{70, 50, channels, {}};
    for (int y = 0; y < 50; y++)
        for (int x = 0; x < 70; x++) {
            const double a = covered(x, y, kX, kY, kRadius), gray = 220 - 0.8 * y;
            const double object[3] = {20, 40, 200};
            for (size_t k = 0; k < 3; k++)
                image.pixels.push_back(uint8_t(std::lround(a * object[k] + (1 - a) * gray)));
            if (channels == 4) image.pixels.push_back(uint8_t(std::lround(255 * a)));
        }
    return image;
}

Status status_of(const Result<Image>& result) {
    REQUIRE(!result);
    CHECK(result.error().message.starts_with("p.png: "));
    return result.error().status;
}

}   // namespace

TEST_CASE("an object on a plain, shaded background is found, with its soft edge") {
    const Image cut = take(cut_out(disc(), {}, "p.png"));
    REQUIRE((cut.width == 70 && cut.height == 50 && cut.channels == 4));
    double worst = 0, mean = 0;
    for (int y = 0; y < 50; y++)
        for (int x = 0; x < 70; x++) {
            const uint8_t* p = &cut.pixels[size_t(y * 70 + x) * 4];
            const double a = covered(x, y, kX, kY, kRadius);
            const double error = std::abs(p[3] / 255.0 - a);
            worst = std::max(worst, error), mean += error / 3500;
            for (size_t k = 0; k < 3; k++) CHECK(p[k] <= p[3]);
            if (a == 1) CHECK((p[0] == 20 && p[1] == 40 && p[2] == 200));
        }
    CHECK(worst < 0.15);
    CHECK(mean < 0.003);
}

TEST_CASE("a mask or alpha says what is object, whatever the background") {
    Image picture = disc(4);
    for (size_t i = 0; i < picture.pixels.size(); i += 4)
        picture.pixels[i + 1] = uint8_t(i * 37 % 251);   // nothing plain
    const Image cut = take(cut_out(picture, {}, "p.png"));
    Image mask = filled(70, 50, 1, {0});
    for (size_t i = 0; i < mask.pixels.size(); i++) {
        mask.pixels[i] = picture.pixels[i * 4 + 3];
        const uint8_t *from = &picture.pixels[i * 4], *to = &cut.pixels[i * 4];
        REQUIRE(to[3] == from[3]);
        for (size_t k = 0; k < 3; k++) REQUIRE(std::abs(to[k] - from[k] * from[3] / 255.0) <= 0.51);
        picture.pixels[i * 4 + 3] = 255;
    }
    CHECK(take(cut_out(picture, mask, "p.png")).pixels == cut.pixels);
    CHECK(status_of(cut_out(picture, {}, "p.png")) == Status::usage);
    // Gray with alpha is RGBA of three equal channels.
    const Image gray = take(cut_out(filled(20, 20, 2, {100, 128}), {}, "p.png"));
    CHECK((gray.channels == 4 && gray.pixels[0] == 50 && gray.pixels[2] == 50));
}

TEST_CASE("pictures without an object are refused") {
    const Image gray = filled(32, 32, 3, {90, 90, 90});
    CHECK(status_of(cut_out(gray, {}, "p.png")) == Status::usage);
    CHECK(status_of(cut_out(gray, filled(32, 31, 1, {255}), "p.png")) == Status::usage);
    CHECK(status_of(cut_out(gray, filled(32, 32, 1, {0}), "p.png")) == Status::bad_file);
    CHECK(status_of(cut_out(gray, filled(32, 32, 1, {255}), "p.png")) == Status::bad_file);
    CHECK(status_of(cut_out(filled(32, 32, 4, {9, 9, 9, 0}), {}, "p.png")) == Status::bad_file);
    // Alpha that says nothing is no alpha.
    CHECK(status_of(cut_out(filled(32, 32, 4, {9, 9, 9, 255}), {}, "p.png")) == Status::usage);
    CHECK(status_of(cut_out(filled(1, 1, 3, {9, 9, 9}), {}, "p.png")) == Status::bad_file);
    CHECK(status_of(cut_out(filled(20000, 16, 1, {9}), {}, "p.png")) == Status::bad_file);
}

TEST_CASE("a cut-out is framed by its object's size, wherever it was") {
    const double size = 96, fill = 0.75;
    for (const int enlarged : {1, 4}) {
        // White discs, those near an edge cut off by it.
        const int width = 70 * enlarged, height = 50 * enlarged;
        Image cut = filled(width, height, 4, {0, 0, 0, 0});
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                for (size_t k = 0; k < 4; k++)
                    cut.pixels[size_t(y * width + x) * 4 + k] = uint8_t(std::lround(
                        255 * covered(x, y, 15 * enlarged, kY * enlarged, kRadius * enlarged)));
        const Image square = framed(cut, int(size), fill);
        REQUIRE((square.width == 96 && square.height == 96));
        double error = 0, area = 0;
        for (int y = 0; y < 96; y++)
            for (int x = 0; x < 96; x++) {
                const uint8_t* p = &square.pixels[size_t(y * 96 + x) * 4];
                const double a = covered(x, y, size / 2, size / 2, fill * size / 2);
                error += std::abs(p[3] / 255.0 - a), area += a;
                REQUIRE(p[0] == p[3]);
            }
        INFO(enlarged << " times as large: " << error / area);
        CHECK(error / area < (enlarged == 1 ? 0.06 : 0.03));
    }
    // A single pixel in the corner of a picture fills the view.
    Image dot = filled(16, 16, 4, {0, 0, 0, 0});
    std::fill_n(dot.pixels.end() - 4, 4, uint8_t(255));
    const Image square = framed(dot, 16, 1);
    CHECK(square.pixels[(8 * 16 + 8) * 4 + 3] > 200);
}
