// Given pictures of a shape: the gradient of their loss against central differences of the twins in
// double, and where splats begin.
#include "modalities/splat/distillation/reference_picture.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/splat/loss_twin.h"
#include "tests/splat/refit.h"
#include "tests/splat/twin.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr int kSize = 16;

Orbit seen_from(double azimuth, double elevation = 20) {
    return {.azimuth = azimuth,
            .elevation = elevation,
            .distance = 2.5,
            .target = {},
            .field_of_view = 40};
}

// A disc of a colour in the middle.
ReferencePicture disc(double azimuth, std::array<uint8_t, 3> colour, double radius = 0.3,
                      int size = kSize) {
    ReferencePicture picture{seen_from(azimuth), {size, size, 4, {}}};
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            const double d = std::hypot(x + 0.5 - size / 2., y + 0.5 - size / 2.);
            const bool in = d < radius * size;
            for (const uint8_t c : colour) picture.image.pixels.push_back(in ? c : 0);
            picture.image.pixels.push_back(in ? 255 : 0);
        }
    return picture;
}

Rasteriser over(const Splats& splats, int size = kSize) {
    Rasteriser rasteriser = take(Rasteriser::create(
        test_device(), {.width = size, .height = size, .splats = uint32_t(splats.size())}));
    take(rasteriser.write(splats));
    return rasteriser;
}

}   // namespace

TEST_CASE("gradients of a given picture's loss are differences of the twins", "[gpu]") {
    const std::vector<ReferencePicture> pictures{disc(0, {200, 90, 30}), disc(75, {10, 250, 90})};
    ReferenceOptions options{.weight_begin = 10,
                             .weight_end = 30,
                             .loss = {.ssim = 0.3f, .alpha = 0.7f},
                             .seed = 5,
                             .antialiased = true};
    Scene scene = random_scene(9, 0, kSize, kSize, 41);
    const int step = 3;   // the second picture, another colour behind
    scene.view = {.camera = orbit_camera(pictures[1].orbit, kSize, kSize),
                  .background = colour_behind(options, step)};
    CHECK(scene.view.background != colour_behind(options, step + 1));
    Twin twin(scene);
    const std::vector<double> x = variables_of(scene);
    Compared c{kSize, kSize, twin.keep(x), {}, scene.view.background, {}};
    for (const uint8_t v : pictures[1].image.pixels) c.target.push_back(float(v) / 255);

    Rasteriser shape = over(scene.splats);
    ReferenceLoss loss = take(ReferenceLoss::create(test_device(), pictures, options));
    Optimiser optimiser = take(Optimiser::create(test_device(), shape.sections()));
    take(loss.add(shape, optimiser, step, 0.25));
    take(optimiser.step(shape));
    // After one step the first moment is a tenth of the gradient.
    const std::vector<float> got =
        pack(take(optimiser.read(scene.splats.size())).first, shape.sections());
    double error = 0, norm = 0;
    const auto along = [&](size_t i, double by) {
        std::vector<double> moved = x;
        moved[i] += by;
        c.x = twin.draw(moved);
        return (10 + 0.25 * 20) * loss_of(c, options.loss);
    };
    for (size_t i = 0; i < got.size(); i++) {
        const double h = 1e-4, want = (along(i, h) - along(i, -h)) / (2 * h);
        error += std::pow(10 * double(got[i]) - want, 2), norm += want * want;
    }
    INFO("error " << std::sqrt(error) << " of " << std::sqrt(norm));
    CHECK(norm > 1);
    CHECK(std::sqrt(error) < 1e-3 * std::sqrt(norm));
    check_silent(*test_device());
}

TEST_CASE("splats become what two pictures show, from both sides", "[gpu]") {
    const std::vector<ReferencePicture> pictures{disc(0, {220, 40, 40}, 0.3, 32),
                                                 disc(180, {30, 60, 220}, 0.3, 32)};
    Splats splats = splats_in_view(400, 0.5, pictures, 3);
    Rasteriser shape = over(splats, 32);
    ReferenceLoss loss = take(ReferenceLoss::create(test_device(), pictures));
    const auto before = take(loss.compare(shape));
    Optimiser optimiser = take(Optimiser::create(test_device(), shape.sections(),
                                                 {.rates = {.means = 2e-3f,
                                                            .means_end = 2e-3f,
                                                            .log_scales = 0.02f,
                                                            .quaternions = 0.01f,
                                                            .logits = 0.1f,
                                                            .dc = 0.03f}}));
    for (int step = 0; step < 160; step++) {
        take(loss.add(shape, optimiser, step, step / 160.));
        take(optimiser.step(shape));
    }
    const auto after = take(loss.compare(shape));
    REQUIRE(after.size() == 2);
    for (size_t i = 0; i < 2; i++) {
        INFO("picture " << i << ": " << before[i].psnr << " to " << after[i].psnr << " dB, "
                        << before[i].overlap << " to " << after[i].overlap);
        CHECK(after[i].psnr > 25);
        CHECK(after[i].overlap > 0.9);
        CHECK(before[i].psnr < after[i].psnr - 5);
    }
    check_silent(*test_device());
}

TEST_CASE("splats begin where pictures show the object, in the colour of the nearer side") {
    const std::vector<ReferencePicture> pictures{disc(0, {220, 40, 40}), disc(180, {30, 60, 220})};
    const Splats splats = splats_in_view(500, 0.5, pictures, 3);
    REQUIRE(splats.size() == 500);
    CHECK(splats.means == splats_in_view(500, 0.5, pictures, 3).means);
    CHECK(splats.means != splats_in_view(500, 0.5, pictures, 4).means);
    const Camera camera = orbit_camera(pictures[0].orbit, kSize, kSize);
    for (size_t i = 0; i < 500; i++) {
        const float* m = &splats.means[i * 3];
        CHECK(std::hypot(m[0], m[1], m[2]) <= 0.5001f);
        double t[3];
        for (size_t r = 0; r < 3; r++) {
            t[r] = double(camera.translation[r]);
            for (size_t k = 0; k < 3; k++)
                t[r] += double(camera.rotation[r * 3 + k]) * double(m[k]);
        }
        const double u = double(camera.fx) * t[0] / t[2], v = double(camera.fy) * t[1] / t[2];
        CHECK(std::hypot(u, v) < 0.3 * kSize + 0.75);
        const std::array<float, 3> eye = position_of(camera);
        const auto other = position_of(orbit_camera(pictures[1].orbit, kSize, kSize));
        const float nearer =
            (eye[0] - other[0]) * m[0] + (eye[1] - other[1]) * m[1] + (eye[2] - other[2]) * m[2];
        CHECK((splats.sh[i * 3] > splats.sh[i * 3 + 2]) == (nearer > 0));
    }
    // Pictures that show nothing in common leave it to chance.
    ReferencePicture empty = pictures[1];
    std::fill(empty.image.pixels.begin(), empty.image.pixels.end(), uint8_t(0));
    CHECK(splats_in_view(20, 0.5, {pictures[0], empty}, 3).size() == 20);
}

TEST_CASE("pictures and cameras that make no loss are refused, by their number", "[gpu]") {
    const auto refused = [](const auto& change) {
        std::vector<ReferencePicture> pictures{disc(0, {1, 2, 3}), disc(90, {1, 2, 3})};
        ReferenceOptions options;
        change(pictures, options);
        const auto made = ReferenceLoss::create(test_device(), pictures, options);
        REQUIRE(!made);
        CHECK(made.error().status == Status::usage);
        return made.error().message;
    };
    using Pictures = std::vector<ReferencePicture>;
    using Options = ReferenceOptions;
    refused([](Pictures& p, Options&) { p.clear(); });
    refused([](Pictures& p, Options&) { p[0].image = {}; });
    refused([](Pictures& p, Options&) { p[0].image.pixels.pop_back(); });
    refused([](Pictures& p, Options&) { p[0].image.channels = 3; });
    refused([](Pictures& p, Options&) { p[1].orbit.azimuth = NAN; });
    refused([](Pictures& p, Options&) { p[1].orbit.elevation = 91; });
    refused([](Pictures& p, Options&) { p[1].orbit.distance = 0; });
    refused([](Pictures& p, Options&) { p[1].orbit.field_of_view = NAN; });
    refused([](Pictures& p, Options&) { p[1].weight = -1; });
    refused([](Pictures&, Options& o) { o.weight_end = INFINITY; });
    refused([](Pictures&, Options& o) { o.loss.alpha = -1; });
    const std::string message = refused([](Pictures& p, Options&) { p[1].orbit.target[2] = NAN; });
    CHECK(message.find("picture 2") != std::string::npos);
}
