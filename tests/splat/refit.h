// A known object and pictures of it, to be found again.
#pragma once
#include <cmath>
#include <random>

#include "modalities/splat/fit/fit.h"
#include "modalities/splat/fit/initial.h"
#include "modalities/splat/orbit.h"

namespace kiln::test {

// Three hundred splats of many colours, in a ball of radius 0.6.
inline Splats known_object(size_t n = 300) {
    Splats splats = random_splats(n, {}, {0.6f, 0.6f, 0.6f}, Region::ball, 17);
    std::mt19937 random(3);
    const auto uniform = [&random](double low, double high) {
        return float(low + (high - low) * double(random()) / 4294967295.0);
    };
    for (size_t i = 0; i < n; i++) {
        const float scale = float(std::log(0.5 / std::cbrt(double(n))));
        for (size_t k = 0; k < 3; k++) {
            splats.log_scales[i * 3 + k] = scale + uniform(-0.5, 0.5);
            splats.sh[i * 3 + k] = uniform(-1.5, 1.5) + splats.means[i * 3 + k];
        }
        for (size_t k = 0; k < 4; k++) splats.quaternions[i * 4 + k] = uniform(-1, 1);
        splats.logits[i] = uniform(-0.5, 3);
    }
    splats.antialiased = true;
    return splats;
}

// RGBA of the object from around it, `from` counted in turns of the golden angle.
inline std::vector<FitView> pictures_of(const std::shared_ptr<Device>& device, const Splats& object,
                                        int size, size_t count, double from = 0) {
    Rasteriser rasteriser = take(Rasteriser::create(device, {.width = size,
                                                             .height = size,
                                                             .splats = uint32_t(object.size()),
                                                             .sh_degree = object.sh_degree,
                                                             .antialiased = object.antialiased}));
    take(rasteriser.write(object));
    std::vector<FitView> views;
    for (size_t i = 0; i < count; i++) {
        const double share = (double(i) + 0.5) / double(count);
        const Orbit orbit{.azimuth = 137.50776 * (double(i) + from),
                          .elevation = std::asin(1.8 * share - 0.9) * 57.29577951,
                          .distance = 2.4};
        FitView view{orbit_camera(orbit, size, size), {size, size, 4, {}}};
        take(rasteriser.draw({view.camera, {}}));
        const std::vector<float> image = take(rasteriser.read_image());
        for (size_t p = 0; p < image.size(); p++)
            if (p % kChannels < 4)
                view.image.pixels.push_back(
                    uint8_t(std::lround(255 * std::clamp(image[p], 0.0f, 1.0f))));
        views.push_back(std::move(view));
    }
    return views;
}

// Rates for few steps; splats of grey noise.
inline FitOptions quick_options(uint32_t steps) {
    FitOptions o;
    o.steps = steps;
    o.sh_degree = 0;
    o.antialiased = true;
    o.random_background = true;
    o.growth.kind = Growth::none;
    o.growth.most = 2000;
    LearningRates& r = o.optimiser.rates;
    r.means = 2e-3f, r.means_end = 2e-5f;
    r.log_scales = 1e-2f, r.quaternions = 1e-2f, r.logits = 5e-2f, r.dc = 2e-2f;
    return o;
}
inline Splats noise(size_t n) {
    return random_splats(n, {}, {0.7f, 0.7f, 0.7f}, Region::ball, 99, {.opacity = 0.1f});
}

inline double mean_psnr(Fit& fit, const std::vector<FitView>& views) {
    double sum = 0;
    for (const FitView& view : views) sum += take(fit.compare(view)).psnr;
    return sum / double(views.size());
}

}   // namespace kiln::test
