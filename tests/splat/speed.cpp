// Not a test: how long a frame and its gradient take. test_splat "[.bench]"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

#include "tests/splat/twin.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// A ball that fills most of the picture, of splats that are a few pixels wide.
Scene ball(size_t n, int size) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    Scene scene = random_scene(n, 0, size, size, 1);
    scene.view.camera.translation = {0, 0, 3};
    const float scale = std::log(1.6f / std::cbrt(float(n)) / 4);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 3; k++) {
            scene.splats.means[i * 3 + k] = 0.45f * normal(random);
            scene.splats.log_scales[i * 3 + k] = scale + 0.3f * normal(random);
        }
        scene.splats.logits[i] = normal(random) - 1;
    }
    return scene;
}

double seconds(const auto& run) {
    double best = 1e9;
    for (int i = 0; i < 4; i++) {
        const auto begin = std::chrono::steady_clock::now();
        run();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        best = std::min(best, took.count());
    }
    return best;
}

}   // namespace

TEST_CASE("the speed of frames and gradients", "[.bench]") {
    auto device = open_device([] {
        DeviceOptions options = device_options("");
        options.validation = false;
        return options;
    }());
    std::printf("%s\n", device->caps().device.c_str());
    for (const size_t n : {size_t(10000), size_t(100000)}) {
        Scene scene = ball(n, 512);
        scene.options.timed = device->caps().timestamp_ns > 0;
        Rasteriser rasteriser = take(Rasteriser::create(device, scene.options));
        take(rasteriser.write(scene.splats));
        const std::vector<float> slopes(512 * 512 * kChannels, 1);
        take(rasteriser.draw(scene.view));
        take(rasteriser.differentiate(slopes));
        const double forward = seconds([&] { take(rasteriser.draw(scene.view)); });
        const double backward = seconds([&] { take(rasteriser.differentiate()); });
        std::printf(
            "%zu splats, %u pairs, 512 x 512: forward %.1f ms (%.1f frames/s, %.2f M "
            "splats/s), backward %.1f ms (%.2f M splats/s)\n",
            n, rasteriser.pairs(), forward * 1e3, 1 / forward, double(n) / forward * 1e-6,
            backward * 1e3, double(n) / backward * 1e-6);
        std::map<std::string, double> by_kernel;
        for (const Rasteriser::Timing& t : rasteriser.times())
            by_kernel[std::string(t.kernel)] += t.milliseconds;
        for (const auto& [kernel, ms] : by_kernel)
            std::printf("    %-28s %8.2f ms\n", kernel.c_str(), ms);
        CHECK(forward > 0);
    }
}
