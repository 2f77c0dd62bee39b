#include "modalities/splat/distillation/learned_encoder.h"

#include <cmath>

#include "modalities/splat/fit/draws.h"
#include "modalities/splat/raster/rasteriser.h"

namespace kiln {
namespace {

constexpr int kExamples = 16;
constexpr uint32_t kSplats = 60;

// A cloud that is as wide as what a camera at this orbit sees of the origin's surroundings.
Splats random_cloud(const Orbit& orbit, Draws& draws) {
    const double radius = orbit.distance * std::tan(orbit.field_of_view / 360 * 3.141592653589793);
    Splats cloud = make_splats(kSplats, 0);
    for (size_t i = 0; i < cloud.means.size(); i++) {
        cloud.means[i] = float(radius * draws.between(-0.8, 0.8));
        cloud.log_scales[i] = float(std::log(radius * draws.between(0.03, 0.25)));
        cloud.sh[i] = float(draws.between(-0.5, 0.5) / double(kShDc));
    }
    for (float& logit : cloud.logits) logit = float(draws.between(0, 5));
    return cloud;
}

}   // namespace

bool has_linear_encoder(const PriorInfo& info) {
    const int cells = 4 * info.width;
    return info.picture_width % cells == 0 && info.picture_height % (4 * info.height) == 0 &&
           info.picture_width / cells == info.picture_height / (4 * info.height);
}

Result<LinearEncoder> learned_encoder(const std::shared_ptr<Device>& device, Prior& prior,
                                      const OrbitRanges& views, const Backdrops& backdrops,
                                      uint64_t seed) {
    const PriorInfo& info = prior.info();
    auto rasteriser = Rasteriser::create(
        device, {.width = info.picture_width, .height = info.picture_height, .splats = kSplats});
    if (!rasteriser) return rasteriser.error();
    const OrbitSampler sampler(views, 1, seed);
    LinearEncoder linear(info);
    for (uint64_t i = 0; i < kExamples; i++) {
        Draws draws(seed, i);
        const Orbit orbit = sampler(i);
        if (auto done = rasteriser->write(random_cloud(orbit, draws)); !done) return done.error();
        const Camera camera = orbit_camera(orbit, info.picture_width, info.picture_height);
        if (auto done = rasteriser->draw({.camera = camera}); !done) return done.error();
        const auto drawn = rasteriser->read_image();
        if (!drawn) return drawn.error();
        const std::vector<float> picture = before(*drawn, draw_backdrop(backdrops, seed, i));
        const auto latent = prior.encoder().encode(picture);
        if (!latent) return latent.error();
        linear.learn(picture, *latent);
    }
    linear.solve();
    return linear;
}

}   // namespace kiln
