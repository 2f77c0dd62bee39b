#include "modalities/nerf/to_splats.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "modalities/splat/fit/fit_views.h"
#include "modalities/splat/fit/initial.h"
#include "modalities/splat/orbit.h"
#include "modalities/splat/raster/rasteriser.h"

namespace kiln {
namespace {

constexpr float kLeastAlpha = 0.5f;   // of what has a depth
// Of the splats to begin with: narrow ones grow together sooner than wide ones come apart.
constexpr float kOpacity = 0.5f, kWidth = 0.6f;
// Times the usual rates, which are for clouds that have to find their places in a hundred times as
// many steps.
constexpr float kHaste = 5;

size_t room_of(const FieldRenderer& renderer) {
    return size_t(renderer.image().size()) / (kChannels * sizeof(float));
}

// Pixels as drawn, before black: any number of rays.
Result<std::vector<float>> drawn(FieldRenderer& renderer, std::span<const Ray> rays) {
    std::vector<float> pixels;
    for (size_t first = 0; first < rays.size(); first += room_of(renderer)) {
        const std::span part =
            rays.subspan(first, std::min(room_of(renderer), rays.size() - first));
        if (auto done = renderer.draw(part, {}); !done) return done.error();
        const auto image = renderer.read_image();
        if (!image) return image.error();
        pixels.insert(pixels.end(), image->begin(), image->end());
    }
    return pixels;
}

struct Points {
    std::vector<float> positions, colours;   // [n, 3]
    size_t size() const { return positions.size() / 3; }
};

void add_point(const Ray& ray, const float* pixel, const FieldOptions& field, Points& points) {
    const double alpha = double(pixel[3]), along = double(pixel[4]) / alpha / double(ray.depth);
    for (size_t axis = 0; axis < 3; axis++) {
        const double place = double(ray.origin[axis]) + along * double(ray.direction[axis]);
        points.positions.push_back(float(field.centre[axis] + field.half * (2 * place - 1)));
        points.colours.push_back(float(std::clamp(double(pixel[axis]) / alpha, 0.0, 1.0)));
    }
}

// Where rays through places of the pictures, by chance, stop.
Result<Points> points_seen(const FieldOptions& field, FieldRenderer& renderer,
                           const std::vector<FitView>& views, const SplatsOfField& options) {
    std::mt19937_64 random(options.seed);
    const auto share = [&] { return double(random() >> 11) * 0x1p-53; };
    Points points;
    const size_t most = size_t(options.rays) * options.splats;
    for (size_t shot = 0; shot < most && points.size() < options.splats;) {
        if (options.cancelled && options.cancelled())
            return Error{Status::interrupted, "interrupted"};
        const size_t enough = 2 * (options.splats - points.size());
        std::vector<Ray> rays(std::min({room_of(renderer), most - shot, enough}));
        for (Ray& ray : rays) {
            const FitView& view = views[random() % views.size()];
            const double x = share() * view.image.width, y = share() * view.image.height;
            ray = ray_at(view.camera, x, y, field);
        }
        const auto pixels = drawn(renderer, rays);
        if (!pixels) return pixels.error();
        for (size_t i = 0; i < rays.size() && points.size() < options.splats; i++)
            if (const float* pixel = &(*pixels)[i * kChannels]; pixel[3] > kLeastAlpha)
                add_point(rays[i], pixel, field, points);
        shot += rays.size();
        if (options.progress) options.progress("looking", uint32_t(points.size()), options.splats);
    }
    if (points.size() == 0)
        return Error{Status::usage,
                     "splats of a radiance field: nothing of it that the views show is half "
                     "opaque"};
    return points;
}

FitOptions fitting(const SplatsOfField& options) {
    FitOptions o;
    o.steps = options.steps;
    o.seed = options.seed;
    o.sh_degree = options.sh_degree;
    o.sh_every = 0;
    o.background = options.background;
    o.random_background = true;
    o.growth.kind = Growth::none;
    o.growth.most = options.splats;
    LearningRates& rates = o.optimiser.rates;
    for (float* rate : {&rates.means, &rates.means_end, &rates.log_scales, &rates.quaternions,
                        &rates.logits, &rates.dc, &rates.harmonics})
        *rate *= kHaste;
    return o;
}

}   // namespace

Result<Splats> to_splats(const RadianceField& field, FieldRenderer& renderer,
                         std::vector<FitView> views, const SplatsOfField& options) {
    std::string flaw = flaw_of(views);
    if (options.splats < 1 || options.rays < 1 || options.sh_degree < 0 ||
        options.sh_degree > kMaxShDegree)
        flaw = "at least one splat and harmonics of degree 0 to 3 are needed";
    if (!flaw.empty()) return Error{Status::usage, "splats of a radiance field: " + flaw};
    const auto points = points_seen(field.options(), renderer, views, options);
    if (!points) return points.error();
    const Splats splats =
        splats_at(points->positions, points->colours,
                  {.opacity = kOpacity, .width = kWidth, .sh_degree = options.sh_degree});
    if (options.steps == 0) return splats;
    auto fit = Fit::create(field.device(), std::move(views), splats, fitting(options));
    if (!fit) return fit.error();
    while (!fit->done()) {
        if (options.cancelled && options.cancelled())
            return Error{Status::interrupted, "interrupted"};
        if (auto done = fit->step(); !done) return done.error();
        if (options.progress) options.progress("fitting", fit->steps(), options.steps);
    }
    return fit->splats();
}

Result<std::vector<uint32_t>> cells_seen(const RadianceField& field, FieldRenderer& renderer,
                                         const std::vector<FitView>& views, int cells,
                                         uint32_t rays, uint64_t seed) {
    if (const std::string flaw = flaw_of(views); !flaw.empty())
        return Error{Status::usage, "surfaces of a radiance field: " + flaw};
    const FieldOptions& options = field.options();
    const auto points =
        points_seen(options, renderer, views, {.splats = rays, .rays = 1, .seed = seed});
    if (!points) return points.error();
    const ptrdiff_t side = cells;
    std::vector<uint32_t> bits((size_t(side * side * side) + 31) / 32);
    for (size_t i = 0; i < points->size(); i++) {
        ptrdiff_t low[3], high[3];
        for (size_t a = 0; a < 3; a++) {
            const double place = double(points->positions[i * 3 + a]) - options.centre[a];
            const double at = std::floor((place / options.half + 1) / 2 * double(side));
            low[a] = std::clamp(ptrdiff_t(at) - 1, ptrdiff_t(0), side - 1);
            high[a] = std::clamp(ptrdiff_t(at) + 1, ptrdiff_t(0), side - 1);
        }
        for (ptrdiff_t z = low[2]; z <= high[2]; z++)
            for (ptrdiff_t y = low[1]; y <= high[1]; y++)
                for (ptrdiff_t x = low[0]; x <= high[0]; x++) {
                    const size_t cell = size_t((z * side + y) * side + x);
                    bits[cell / 32] |= 1u << (cell % 32);
                }
    }
    return bits;
}

Result<std::vector<FitView>> views_around(const RadianceField& field, FieldRenderer& renderer,
                                          int views, int size) {
    if (views < 1 || size < 16 || size > 8192)
        return Error{Status::usage,
                     "views of a radiance field: one at least, of 16 to 8192 pixels"};
    const FieldOptions& options = field.options();
    std::vector<FitView> all;
    for (int i = 0; i < views; i++) {   // Fibonacci's lattice on a sphere
        const double height = 1 - (2 * i + 1) / double(views);
        const Orbit orbit{.azimuth = 137.50776405 * i,
                          .elevation = std::asin(height) * 57.29577951308232,
                          .distance = 4 * options.half,
                          .target = options.centre};
        const Camera camera = orbit_camera(orbit, size, size);
        const auto pixels = drawn(renderer, rays_of(camera, size, size, options));
        if (!pixels) return pixels.error();
        Image image{size, size, 4, {}};
        for (size_t pixel = 0; pixel < pixels->size(); pixel += kChannels)
            for (size_t c = 0; c < 4; c++) {
                const float value = std::clamp((*pixels)[pixel + c], 0.0f, 1.0f);
                image.pixels.push_back(uint8_t(std::lround(255 * value)));
            }
        all.push_back({camera, std::move(image)});
    }
    return all;
}

}   // namespace kiln
