// The loss of a picture and its slopes against a reference in double and its central differences.
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "tests/splat/loss_twin.h"
#include "tests/splat/twin.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::WithinAbs;

namespace {

// What a scene looks like, and another picture beside it.
Compared compared(const Scene& scene, const std::vector<float>& image, uint32_t seed) {
    std::mt19937 random(seed);
    Compared c{scene.options.width, scene.options.height, {image.begin(), image.end()}, {}, {}, {}};
    c.target.resize(image.size() / kChannels * 4);
    for (size_t i = 0; i < c.target.size(); i++) {
        const double noise = double(random()) / 4294967295.0;
        const double near = c.x[i / 4 * kChannels + i % 4];
        c.target[i] = float(i % 4 == 3 ? noise : 0.7 * near + 0.3 * noise);
    }
    c.background = {0.3f, 0.9f, 0.1f};
    return c;
}

}   // namespace

TEST_CASE("a loss is the reference's, and its slopes are central differences of it", "[gpu]") {
    const LossOptions options =
        GENERATE(LossOptions{}, LossOptions{.ssim = 1, .alpha = 0.4f}, LossOptions{.ssim = 0});
    const std::string profile = GENERATE("", "minimal");
    INFO("similarity " << options.ssim << ", " << profile);
    const Scene scene = random_scene(60, 0, 37, 23, 31);
    auto device = test_device(profile);
    Rasteriser rasteriser = take(Rasteriser::create(device, scene.options));
    take(rasteriser.write(scene.splats));
    take(rasteriser.draw(scene.view));
    Compared c = compared(scene, take(rasteriser.read_image()), 5);
    PictureLoss loss = take(PictureLoss::create(device, c.width, c.height, options));
    take(loss.set_target(c.target));
    take(loss.run(rasteriser, c.background));
    const double value = take(loss.values()).total, want = loss_of(c, options);
    CHECK(std::abs(value - want) < 1e-5 * want);
    const std::vector<float> slopes = download<float>(*device, take(rasteriser.slopes()));
    std::mt19937 random(6);
    double error = 0, norm = 0;
    for (int trial = 0; trial < 120; trial++) {
        const size_t at = random() % (slopes.size() / kChannels), channel = random() % 4;
        double& x = c.x[at * kChannels + channel];
        const int px = int(at) % c.width, py = int(at) / c.width;
        const double was = x, step = 1e-6;
        x = was + step;
        const double above = loss_of(c, options, px, py, 5);
        x = was - step;
        const double slope = (above - loss_of(c, options, px, py, 5)) / (2 * step);
        x = was;
        const double difference = double(slopes[at * kChannels + channel]) - slope;
        error += difference * difference, norm += slope * slope;
    }
    INFO(std::sqrt(error) << " of " << std::sqrt(norm));
    CHECK(std::sqrt(error) < 1e-4 * std::sqrt(norm));
    for (size_t i = 0; i < slopes.size(); i++)
        if (i % kChannels > 3) REQUIRE(slopes[i] == 0);
    check_silent(*device);
}

TEST_CASE("slopes of a loss through an exposure, and by it, are differences", "[gpu]") {
    const Scene scene = random_scene(60, 0, 37, 23, 31);
    auto device = test_device();
    Rasteriser rasteriser = take(Rasteriser::create(device, scene.options));
    take(rasteriser.write(scene.splats));
    take(rasteriser.draw(scene.view));
    Compared c = compared(scene, take(rasteriser.read_image()), 5);
    c.exposure = {{1.3f, 0.8f, 1.1f}, {0.05f, -0.1f, 0.2f}};
    const LossOptions options{.exposed = true};
    PictureLoss loss = take(PictureLoss::create(device, c.width, c.height, options));
    take(loss.set_target(c.target));
    take(loss.run(rasteriser, c.background, c.exposure));
    const PictureLoss::Values values = take(loss.values());
    const double want = loss_of(c, options);
    CHECK(std::abs(values.total - want) < 1e-5 * want);
    const auto slope = [&](auto& variable, auto step) {
        const auto was = variable;
        variable = was + step;
        const double above = loss_of(c, options), from = double(variable);
        variable = was - step;
        const double below = loss_of(c, options), to = double(variable);
        variable = was;
        return (above - below) / (from - to);
    };
    for (size_t k = 0; k < 3; k++) {
        CHECK_THAT(values.by_gain[k], WithinAbs(slope(c.exposure.gain[k], 1e-4f), 5e-4));
        CHECK_THAT(values.by_offset[k], WithinAbs(slope(c.exposure.offset[k], 1e-4f), 5e-4));
        CHECK(std::abs(values.by_gain[k]) > 5e-3);
    }
    const std::vector<float> slopes = download<float>(*device, take(rasteriser.slopes()));
    double error = 0, norm = 0;
    for (size_t at = 5; at < 37 * 23; at += 97)
        for (size_t i = at * kChannels; i < at * kChannels + 3; i++) {
            const double expected = slope(c.x[i], 1e-6);
            error += std::pow(double(slopes[i]) - expected, 2);
            norm += expected * expected;
        }
    CHECK(std::sqrt(error) < 1e-4 * std::sqrt(norm));
}

TEST_CASE("a picture that is its target has no loss and no slope", "[gpu]") {
    const Scene scene = random_scene(60, 0, 50, 40, 31);
    auto device = test_device();
    Rasteriser rasteriser = take(Rasteriser::create(device, scene.options));
    take(rasteriser.write(scene.splats));
    take(rasteriser.draw(scene.view));
    const std::vector<float> image = take(rasteriser.read_image());
    std::vector<float> target(50 * 40 * 4, 1);
    for (size_t i = 0; i < target.size(); i++)
        if (i % 4 < 3) target[i] = image[i / 4 * kChannels + i % 4];
    PictureLoss loss = take(PictureLoss::create(device, 50, 40));
    take(loss.set_target(target));
    take(loss.run(rasteriser, {}));
    const PictureLoss::Values values = take(loss.values());
    CHECK(values.colour == 0);
    CHECK(std::abs(values.dissimilarity) < 1e-5);
    CHECK(values.alpha > 0);
    float most = 0;
    for (const float v : download<float>(*device, take(rasteriser.slopes())))
        most = std::max(most, std::abs(v));
    CHECK(most < 1e-6f);
}

TEST_CASE("losses of no picture or with strange weights are errors", "[gpu]") {
    auto device = test_device();
    const auto status = [&](int width, const LossOptions& options) {
        return PictureLoss::create(device, width, 8, options).error().status;
    };
    CHECK(status(0, {}) == Status::usage);
    CHECK(status(8, {.ssim = 1.5f}) == Status::usage);
    CHECK(status(8, {.alpha = NAN}) == Status::usage);
    PictureLoss loss = take(PictureLoss::create(device, 8, 8));
    CHECK(loss.set_target(std::vector<float>(8 * 8 * 3)).error().status == Status::usage);
}
