// Fits to hardly anything: what comes out is splats that are finite, however wrong.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "modalities/splat/fit/fit_file.h"
#include "modalities/splat/fit/sky.h"
#include "tests/splat/refit.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

FitView noisy_view(const Camera& camera, int width, int height, uint32_t seed) {
    std::mt19937 random(seed);
    FitView view{camera, {width, height, 3, {}}};
    for (int i = 0; i < width * height * 3; i++) view.image.pixels.push_back(uint8_t(random()));
    return view;
}

// Everything happens after each step.
FitOptions restless(Growth growth) {
    FitOptions o = quick_options(6);
    if (growth == Growth::relocated) o = relocating(o);
    o.growth = {.kind = growth, .most = 40, .every = 1, .from = 0, .until = 6, .reset_every = 2};
    o.growth.adaptive.gradient = 0;
    o.random_background = false;
    o.exposure = true;
    return o;
}

void stays_sound(const std::vector<FitView>& views, const Splats& initial) {
    const Growth growth = GENERATE(Growth::none, Growth::adaptive, Growth::relocated);
    CAPTURE(int(growth));
    Fit fit = take(Fit::create(test_device(), views, initial, restless(growth)));
    while (!fit.done()) {
        take(fit.step());
        const Splats splats = take(fit.splats());
        CHECK(splats.size() >= 1);
        CHECK(splats.size() <= 40);
        CHECK(sound(splats));
    }
    CHECK(std::isfinite(take(fit.compare(views[0])).psnr));
    check_silent(*test_device());
}

Camera somewhere() { return orbit_camera({.distance = 2}, 16, 16); }

}   // namespace

TEST_CASE("a fit to one picture is finite", "[gpu]") {
    stays_sound({noisy_view(somewhere(), 16, 16, 1)}, noise(20));
}

TEST_CASE("a fit of one splat is finite", "[gpu]") {
    stays_sound({noisy_view(somewhere(), 16, 16, 1), noisy_view(somewhere(), 16, 16, 2)}, noise(1));
}

TEST_CASE("a fit to pictures from one place, of any sizes, is finite", "[gpu]") {
    std::vector<FitView> views;
    for (const int azimuth : {0, 90, 200}) {
        Camera camera = orbit_camera({.azimuth = double(azimuth)}, 16, 16);
        camera.translation = {};
        views.push_back(noisy_view(camera, 16 + azimuth / 5, 17, uint32_t(azimuth)));
    }
    stays_sound(views, joined(noise(20), sky_splats(views, noise(20), 20)));
}

TEST_CASE("a fit of splats in one point, or behind every camera, is finite", "[gpu]") {
    Splats splats = make_splats(5, 0);
    const bool behind = GENERATE(false, true);
    if (behind)
        for (size_t i = 0; i < 5; i++) splats.means[i * 3 + 2] = 100;
    stays_sound({noisy_view(somewhere(), 16, 16, 1)}, splats);
}
