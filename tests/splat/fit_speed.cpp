// Not a test: how long a step of a fit takes, and which part of it how long. test_splat "[.fit]"
#include <chrono>
#include <cstdio>
#include <ctime>

#include "modalities/splat/fit/fit_views.h"
#include "tests/splat/refit.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

struct Clock {
    std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
    std::clock_t processor = std::clock();
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }
    double cores() const { return double(std::clock() - processor) / double(CLOCKS_PER_SEC); }
};

void print(const char* part, int runs, const auto& run) {
    run();
    const Clock clock;
    for (int i = 0; i < runs; i++) run();
    std::printf("  %-14s %8.2f ms  %8.2f ms of processor\n", part, clock.seconds() * 1e3 / runs,
                clock.cores() * 1e3 / runs);
}

}   // namespace

TEST_CASE("the speed of a fit", "[.fit]") {
    auto device = open_device([] {
        DeviceOptions options = device_options("");
        options.validation = false;
        return options;
    }());
    std::printf("%s\n", device->caps().device.c_str());
    struct Size {
        int side;
        size_t splats;
    };
    for (const Size& size : {Size{128, 2000}, {128, 20000}, {256, 2000}, {256, 20000}}) {
        const Splats object = known_object(size.splats);
        const std::vector<FitView> views = pictures_of(device, object, size.side, 4);
        FitOptions options = quick_options(100000);
        options.growth.most = uint32_t(size.splats);
        Fit fit = take(Fit::create(device, views, object, options));
        for (int i = 0; i < 4; i++) take(fit.step());
        const int steps = 12;
        const Clock clock;
        for (int i = 0; i < steps; i++) take(fit.step());
        std::printf("%d x %d, %zu splats: %.2f steps/s, %.1f ms of processor a step\n", size.side,
                    size.side, size.splats, steps / clock.seconds(), clock.cores() * 1e3 / steps);
        Rasteriser rasteriser = take(Rasteriser::create(
            device, {.width = size.side, .height = size.side, .splats = uint32_t(size.splats)}));
        take(rasteriser.write(object));
        PictureLoss loss = take(PictureLoss::create(device, size.side, size.side));
        Optimiser optimiser = take(Optimiser::create(device, rasteriser.sections()));
        take(loss.set_target(target_of(views[0], 1)));
        const View view{views[0].camera, {}};
        print("draw", 6, [&] { take(rasteriser.draw(view)); });
        print("loss", 6, [&] { take(loss.run(rasteriser, {})); });
        print("differentiate", 6, [&] { take(rasteriser.differentiate()); });
        print("target", 6, [&] { take(loss.set_target(target_of(views[0], 1))); });
        print("optimiser", 6, [&] {
            take(optimiser.add(rasteriser));
            take(optimiser.step(rasteriser));
        });
        CHECK(fit.steps() == 16);
    }
}
