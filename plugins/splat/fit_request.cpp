#include "plugins/splat/fit_request.h"

#include <algorithm>

#include "modalities/splat/fit/initial.h"
#include "modalities/splat/fit/sky.h"

namespace kiln::splat_plugin {
namespace {

constexpr uint32_t kSteps = 7000, kSplats = 200000;
constexpr int kSmallest = 64;       // pixels of the side of a picture that shows what is large
constexpr size_t kRandom = 10000;   // splats to begin with where there are no points
constexpr size_t kSky = 2000;       // splats on the whole of a sphere behind all

// Every so many-th of the points if there are too many.
PosedPoints thinned(const PosedPoints& points, size_t most) {
    if (points.size() <= most) return points;
    PosedPoints few;
    for (size_t i = 0; i < most; i++) {
        const size_t at = i * points.size() / most * 3;
        for (size_t c = 0; c < 3; c++) {
            few.positions.push_back(points.positions[at + c]);
            few.colours.push_back(points.colours[at + c]);
        }
    }
    return few;
}

Splats initial_of(const Pictures& pictures, size_t most, uint64_t seed) {
    if (!pictures.placed()) {
        std::array<float, 3> centre, half;
        for (size_t a = 0; a < 3; a++)
            centre[a] = float(pictures.focus.centre[a]), half[a] = float(pictures.focus.radius);
        return random_splats(std::min(kRandom, most), centre, half, Region::ball, seed);
    }
    const PosedPoints points = thinned(pictures.points, most);
    std::vector<float> colours(points.colours.size());
    std::transform(points.colours.begin(), points.colours.end(), colours.begin(),
                   [](uint8_t c) { return float(c) / 255; });
    return splats_at(points.positions, colours);
}

}   // namespace

Splats initial_splats(const Json& r, const Pictures& pictures) {
    const size_t most = r.value("splats", kSplats);
    const bool sky = r.value("sky", true) && !pictures.transparent && !pictures.views.empty();
    const size_t far = sky ? std::min(kSky, most / 10) : 0;
    Splats near = initial_of(pictures, most - far, r.value("seed", uint64_t(0)));
    if (far == 0) return near;
    const Splats behind = sky_splats(pictures.views, near, far);
    return joined(std::move(near), behind);
}

FitOptions fit_options(Json& r, const Pictures& pictures) {
    r["steps"] = r.value("steps", kSteps), r["splats"] = r.value("splats", kSplats);
    r["sh_degree"] = r.value("sh_degree", kMaxShDegree);
    FitOptions o;
    o.steps = r["steps"], o.growth.most = r["splats"], o.sh_degree = r["sh_degree"];
    o.seed = r.value("seed", o.seed), o.antialiased = r.value("antialiased", o.antialiased);
    o.sh_every = std::clamp(o.steps / 7, 1u, o.sh_every);
    o.growth.from = std::min(o.growth.from, o.steps / 14);
    // Early steps, which place what is large, see all they need in small pictures.
    const Image& first = pictures.views[0].image;
    while (o.coarse < 4 && std::min(first.width, first.height) / (2 * o.coarse) >= kSmallest)
        o.coarse *= 2;
    o.coarse_steps = std::max(1u, o.steps / 6);
    // What a reset takes away needs time to come back.
    if (o.steps < 4 * o.growth.reset_every) o.growth.reset_every = 0;
    o.exposure = r.value("exposure", false);
    // A picture's changes only when it is drawn: so fast that a factor of two is within reach.
    const double rounds = double(o.steps) / double(pictures.views.size());
    o.exposure_rate = float(std::clamp(4 / rounds, 5e-3, 0.1));
    o.exposure_rate_end = o.exposure_rate / 50;
    if (r.value("atomics", false)) o.summation = Summation::atomics;
    if (pictures.transparent) o.background = {1, 1, 1}, o.random_background = true;
    o.growth.kind = growth_named(r.value("growth", "adaptive"));
    return o.growth.kind == Growth::relocated ? relocating(o) : o;
}

}   // namespace kiln::splat_plugin
