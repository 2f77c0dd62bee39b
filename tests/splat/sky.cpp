// Splats behind a scene: where they are, which colours they have, and that a fit needs them where
// pictures show more than what has a place.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "modalities/splat/fit/fit_file.h"
#include "modalities/splat/fit/sky.h"
#include "tests/splat/refit.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// The colour of what is infinitely far in a direction.
std::array<double, 3> sky_at(const std::array<double, 3>& d) {
    return {0.5 + 0.4 * d[0], 0.5 + 0.4 * d[1], 0.5 - 0.4 * d[2]};
}

std::array<double, 3> direction(const Camera& c, int x, int y) {
    const double t[3] = {(x + 0.5 - double(c.cx)) / double(c.fx),
                         (y + 0.5 - double(c.cy)) / double(c.fy), 1};
    const double length = std::hypot(t[0], t[1], t[2]);
    std::array<double, 3> d{};
    for (size_t k = 0; k < 3; k++)
        for (size_t row = 0; row < 3; row++)
            d[k] += double(c.rotation[row * 3 + k]) * t[row] / length;
    return d;
}

// Without alpha, before the sky.
void open_air(FitView& view) {
    std::vector<uint8_t> rgb;
    Image& image = view.image;
    for (int y = 0; y < image.height; y++)
        for (int x = 0; x < image.width; x++) {
            const auto far = sky_at(direction(view.camera, x, y));
            const uint8_t* p = &image.pixels[size_t(y * image.width + x) * 4];
            for (size_t k = 0; k < 3; k++)
                rgb.push_back(uint8_t(std::lround(
                    std::clamp(double(p[k]) + (255 - double(p[3])) * far[k], 0.0, 255.0))));
        }
    image.pixels = rgb, image.channels = 3;
}

std::vector<FitView> outdoors(const std::shared_ptr<Device>& device, size_t count, double from) {
    std::vector<FitView> views = pictures_of(device, known_object(60), 32, count, from);
    for (FitView& view : views) open_air(view);
    return views;
}

// Of a size, whatever it shows.
FitView plain_view(const Camera& camera, std::array<uint8_t, 3> colour) {
    FitView view{camera, {32, 24, 3, {}}};
    for (int i = 0; i < 32 * 24; i++)
        view.image.pixels.insert(view.image.pixels.end(), colour.begin(), colour.end());
    return view;
}

}   // namespace

TEST_CASE("a sky is far, seen, and of the middle colour of its pictures") {
    std::vector<FitView> views;
    for (const uint8_t red : {10, 200, 30})
        views.push_back(
            plain_view(orbit_camera({.azimuth = 40, .distance = 2}, 32, 24), {red, 60, 70}));
    const Splats points = noise(50), sky = sky_splats(views, points, 500);
    REQUIRE(sky.size() > 5);
    CHECK(sky.size() < 100);
    CHECK(sound(sky));
    const Camera& c = views[0].camera;
    const auto eye = position_of(c);
    for (size_t i = 0; i < sky.size(); i++) {
        double t[3] = {}, away = 0;
        for (size_t k = 0; k < 3; k++) {
            const double d = double(sky.means[i * 3 + k] - eye[k]);
            away += d * d;
            for (size_t row = 0; row < 3; row++) t[row] += double(c.rotation[row * 3 + k]) * d;
        }
        CHECK(std::sqrt(away) > 20);
        CHECK(t[2] > 0);
        CHECK(std::abs(double(c.fx) * t[0] / t[2]) < 16.01);
        CHECK(std::abs(double(c.fy) * t[1] / t[2]) < 12.01);
        CHECK(0.5 + double(kShDc * sky.sh[i * 3]) == Catch::Approx(30 / 255.0).margin(1e-5));
        CHECK(0.5 + double(kShDc * sky.sh[i * 3 + 1]) == Catch::Approx(60 / 255.0).margin(1e-5));
        CHECK(std::exp(double(sky.log_scales[i * 3])) ==
              Catch::Approx(std::sqrt(away) * std::sqrt(4 * 3.14159265 / 500)).epsilon(1e-4));
    }
    const Splats both = joined(points, sky);
    CHECK(both.size() == points.size() + sky.size());
    CHECK(both.means[50 * 3] == sky.means[0]);
    CHECK(sound(both));
}

TEST_CASE("a sky of cameras in one place, or without points, is finite") {
    const std::vector<FitView> views(3, plain_view({}, {1, 2, 3}));
    for (const Splats& points : {make_splats(0, 0), make_splats(2, 0), noise(9)})
        CHECK(sound(sky_splats(views, points, 200)));
}

TEST_CASE("a fit outdoors needs a sky", "[gpu]") {
    auto device = test_device();
    const std::vector<FitView> views = outdoors(device, 16, 0), others = outdoors(device, 4, 0.37);
    const auto psnr = [&](const Splats& initial) {
        FitOptions options = quick_options(120);
        Fit fit = take(Fit::create(device, views, initial, options));
        while (!fit.done()) take(fit.step());
        return mean_psnr(fit, others);
    };
    const double without = psnr(noise(300)),
                 with = psnr(joined(noise(200), sky_splats(views, noise(200), 100)));
    INFO(without << " and " << with << " dB");
    CHECK(with > without + 3);
}

TEST_CASE("what is far may be large") {
    const Splats points = noise(40);
    std::vector<FitView> views(2, plain_view(orbit_camera({.distance = 2}, 32, 24), {9, 9, 9}));
    const Splats sky = sky_splats(views, points, 1000);
    Cloud cloud{joined(points, sky), {}};
    const size_t n = cloud.splats.size();
    cloud.memory.first = cloud.memory.second = make_splats(n, 0);
    cloud.memory.lengths.assign(n, 0), cloud.memory.pictures.assign(n, 1);
    Cloud other = cloud;
    CHECK(densify(cloud, {.most_scale = 0.2f}, 10, true, n, 1).pruned == 0);
    CHECK(densify(other, {.most_scale = 0.1f}, 10, true, n, 1).pruned == sky.size());
}
