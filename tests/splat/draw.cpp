// What the rasteriser draws, against closed forms and against the twin in double.
#include <bit>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "tests/splat/twin.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::WithinAbs;

namespace {

std::vector<float> drawn(const std::shared_ptr<Device>& device, const Scene& scene) {
    Rasteriser rasteriser = take(Rasteriser::create(device, scene.options));
    take(rasteriser.write(scene.splats));
    take(rasteriser.draw(scene.view));
    return take(rasteriser.read_image());
}

// One round splat on the axis, four units away.
Scene lone_splat() {
    Scene scene;
    scene.splats = make_splats(1, 0);
    scene.splats.means = {0, 0, 4};
    scene.splats.log_scales = {std::log(0.3f), std::log(0.3f), std::log(0.3f)};
    scene.splats.logits = {0.5f};
    scene.splats.sh = {1, 0, -1};
    scene.options = {.width = 33, .height = 21, .splats = 1, .antialiased = false};
    scene.view.camera.fx = scene.view.camera.fy = 40;
    scene.view.camera.cx = 15.5f, scene.view.camera.cy = 10.5f;
    scene.view.background = {0, 0.25f, 1};
    return scene;
}

void check_close_to_twin(const std::vector<float>& image, const Scene& scene) {
    Twin twin(scene);
    const std::vector<double> want = twin.keep(variables_of(scene));
    REQUIRE(image.size() == want.size());
    double worst = 0;
    size_t close = 0, drawn = 0;
    for (size_t i = 0; i < want.size(); i++) {
        const double scale = i % kChannels == 4 ? 4 : 1;
        if (i % kChannels == 0) close += twin.close(i / kChannels);
        if (i % kChannels == 3) drawn += want[i] > 0.5;
        const double error = std::abs(double(image[i]) - want[i]) / scale;
        if (!twin.close(i / kChannels))
            worst = std::max(worst, std::isnan(error) ? 1e9 : error);
        else
            CHECK(error < 0.02);
    }
    CHECK(worst < 1e-4);
    CHECK(close < want.size() / kChannels / 10);
    CHECK(drawn > want.size() / kChannels / 10);
}

}   // namespace

TEST_CASE("a lone splat is a Gaussian of known width", "[gpu]") {
    const Scene scene = lone_splat();
    auto device = test_device();
    const std::vector<float> image = drawn(device, scene);
    const double variance = (40 * 0.3 / 4) * (40 * 0.3 / 4) + double(0.3f);
    const double opacity = 1 / (1 + std::exp(-0.5));
    for (int y = 0; y < 21; y++)
        for (int x = 0; x < 33; x++) {
            const float* pixel = &image[size_t(y * 33 + x) * kChannels];
            const double dx = x - 15, dy = y - 10;
            double alpha = opacity * std::exp(-0.5 * (dx * dx + dy * dy) / variance);
            if (alpha < 1 / 255.0) alpha = 0;
            const double red = 0.5 + 0.28209479177387814, green = 0.5;
            const double blue = 0.5 - 0.28209479177387814;
            INFO(x << " " << y);
            CHECK_THAT(pixel[0], WithinAbs(alpha * red, 2e-6));
            CHECK_THAT(pixel[1], WithinAbs(alpha * green + (1 - alpha) * 0.25, 2e-6));
            CHECK_THAT(pixel[2], WithinAbs(alpha * blue + (1 - alpha), 2e-6));
            CHECK_THAT(pixel[3], WithinAbs(alpha, 2e-6));
            CHECK_THAT(pixel[4], WithinAbs(alpha * 4, 8e-6));
        }
    check_silent(*device);
}

TEST_CASE("an anti-aliased splat keeps its light when it is smaller than a pixel", "[gpu]") {
    Scene scene = lone_splat();
    scene.splats.log_scales = {-4, -4, -4};
    scene.options.antialiased = true;
    const double area = std::pow(10 * std::exp(-4.0), 2), opacity = 1 / (1 + std::exp(-0.5));
    const std::vector<float> image = drawn(test_device(), scene);
    const float* centre = &image[size_t(10 * 33 + 15) * kChannels];
    CHECK_THAT(centre[3], WithinAbs(opacity * area / (area + 0.3), 1e-6));
}

TEST_CASE("a picture is the twin's", "[gpu]") {
    const int degree = GENERATE(0, 1, 2, 3);
    const bool antialiased = degree % 2 == 0;
    const Scene scene = random_scene(150, degree, 83, 61, uint32_t(degree) + 1, antialiased);
    INFO("degree " << degree);
    check_close_to_twin(drawn(test_device(), scene), scene);
}

TEST_CASE("a picture is the twin's in every profile", "[gpu]") {
    const std::string profile = GENERATE(from_range(kProfiles));
    Scene scene = random_scene(60, 1, 33, 17, 5);
    scene.options.lanes = GENERATE(0, 32);
    INFO(profile << ", lanes " << scene.options.lanes);
    auto device = test_device(profile);
    check_close_to_twin(drawn(device, scene), scene);
    check_silent(*device);
}

TEST_CASE("a pile of splats in one tile is cut where nothing shines through", "[gpu]") {
    Scene scene = random_scene(700, 0, 16, 16, 9, false);
    for (size_t i = 0; i < 700; i++) {
        for (size_t k = 0; k < 2; k++) scene.splats.means[i * 3 + k] *= 0.1f;
        scene.splats.logits[i] = i < 350 ? -3.5f : 1.0f;
    }
    scene.options.lanes = GENERATE(0, 32);
    check_close_to_twin(drawn(test_device(), scene), scene);
}

TEST_CASE("lists that find no memory are an error, and the next picture is as ever", "[gpu]") {
    DeviceOptions options = device_options("");
    options.memory_limit = 24 << 20;
    auto device = open_device(options);
    const Scene small = random_scene(40, 0, 512, 512, 13);
    Scene large = random_scene(40000, 0, 512, 512, 14);   // each in many tiles
    for (float& v : large.splats.log_scales) v = 0;
    Scene scene = large;
    scene.options.pairs = 1;
    Rasteriser rasteriser = take(Rasteriser::create(device, scene.options));
    take(rasteriser.write(small.splats));
    take(rasteriser.draw(small.view));
    const std::vector<float> before = take(rasteriser.read_image());
    take(rasteriser.write(large.splats));
    for (int i = 0; i < 2; i++)
        CHECK(rasteriser.draw(large.view).error().status == Status::out_of_memory);
    take(rasteriser.write(small.splats));
    take(rasteriser.draw(small.view));
    CHECK(take(rasteriser.read_image()) == before);
}

TEST_CASE("a crowd in one tile is drawn and differentiated, whoever has the room", "[gpu]") {
    Scene scene = random_scene(20000, 0, 16, 16, 15);
    for (float& v : scene.splats.means) v *= 0.02f;
    for (float& v : scene.splats.logits) v = -4.5f;   // so that light gets far down
    scene.options.pairs = 1;
    auto device = test_device();
    Rasteriser rasteriser = take(Rasteriser::create(device, scene.options));
    take(rasteriser.write(scene.splats));
    take(rasteriser.draw(scene.view));
    CHECK(rasteriser.pairs() > 15000);   // but for those that are too faint
    take(rasteriser.differentiate(std::vector<float>(16 * 16 * kChannels, 1.0f)));
    for (float v : take(rasteriser.read_gradient()).parameters) REQUIRE(std::isfinite(v));
    for (float v : take(rasteriser.read_image())) REQUIRE(std::isfinite(v));
}

TEST_CASE("a picture does not depend on the room for its lists", "[gpu]") {
    Scene scene = random_scene(2000, 0, 83, 61, 11);
    auto device = test_device();
    const std::vector<float> wide = drawn(device, scene);
    scene.options.pairs = 1;
    scene.options.splats = 3001;
    CHECK(drawn(device, scene) == wide);
}

TEST_CASE("another draw and another view leave nothing behind", "[gpu]") {
    const Scene scene = random_scene(300, 1, 50, 40, 12);
    auto device = test_device();
    Rasteriser rasteriser = take(Rasteriser::create(device, scene.options));
    take(rasteriser.write(scene.splats));
    take(rasteriser.draw(scene.view));
    const std::vector<float> first = take(rasteriser.read_image());
    View other = scene.view;
    other.camera.translation[2] = -100;   // everything is behind
    take(rasteriser.draw(other));
    CHECK(rasteriser.pairs() == 0);
    const std::vector<float> empty = take(rasteriser.read_image());
    CHECK(empty[3] == 0);
    CHECK(empty[1] == 0.5f);
    take(rasteriser.draw(scene.view));
    CHECK(take(rasteriser.read_image()) == first);
}

TEST_CASE("no bit pattern hangs the rasteriser or enters the picture", "[gpu]") {
    const uint32_t seed = GENERATE(range(0u, 12u));
    Scene scene = random_scene(400, 3, 64, 48, seed);
    std::mt19937 random(seed);
    const float strange[] = {NAN,   INFINITY, -INFINITY, 1e-42f, -1e-42f,
                             3e38f, -3e38f,   0,         88,     1e19f};
    Splats& s = scene.splats;
    for (std::vector<float>* part : {&s.means, &s.log_scales, &s.quaternions, &s.logits, &s.sh})
        for (float& v : *part) {
            if (random() % 16 == 0) v = strange[random() % std::size(strange)];
            if (random() % 64 == 0) v = std::bit_cast<float>(uint32_t(random()));
        }
    const size_t way = seed % (kProfiles.size() + 1);
    auto device = test_device(way < kProfiles.size() ? kProfiles[way] : "");
    scene.options.summation = seed % 2 ? Summation::gather : Summation::atomics;
    scene.options.pairs_at_once = seed % 3 ? 0 : 300;
    Rasteriser rasteriser = take(Rasteriser::create(device, scene.options));
    take(rasteriser.write(scene.splats));
    take(rasteriser.draw(scene.view));
    const auto all_finite = [](const std::vector<float>& values) {
        return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
    };
    CHECK(all_finite(take(rasteriser.read_image())));
    take(rasteriser.differentiate(std::vector<float>(64 * 48 * kChannels, 1.0f)));
    CHECK(all_finite(take(rasteriser.read_gradient()).parameters));
    check_silent(*device);
}

TEST_CASE("sizes that cannot be drawn are errors", "[gpu]") {
    auto device = test_device();
    CHECK(Rasteriser::create(device, {.width = 0, .height = 9, .splats = 1}).error().status ==
          Status::usage);
    CHECK(
        Rasteriser::create(device, {.width = 16384, .height = 16384, .splats = 1}).error().status ==
        Status::usage);
    CHECK(Rasteriser::create(device, {.width = 16, .height = 16}).error().status == Status::usage);
    Rasteriser one = take(Rasteriser::create(device, {.width = 16, .height = 16, .splats = 1}));
    CHECK(one.write(make_splats(2, 0)).error().status == Status::usage);
}
