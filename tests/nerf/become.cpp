// A ball of two colours, learnt as a radiance field from its pictures, as a mesh and as splats.
#include <catch2/generators/catch_generators.hpp>

#include "modalities/nerf/field_fit.h"
#include "modalities/nerf/field_solid.h"
#include "modalities/nerf/to_splats.h"
#include "modalities/nerf/visual_hull.h"
#include "modalities/splat/mesh/extract.h"
#include "modalities/splat/orbit.h"
#include "tests/mesh/render.h"
#include "tests/mesh/shapes.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr int kSize = 48, kCells = 32;
constexpr double kRadius = 0.6;
constexpr Vec3 kCentre = {0.2, -0.1, 0.3};

Vec3 colour_at(const Vec3& out) { return out[2] > 0 ? Vec3{0.9, 0.3, 0.2} : Vec3{0.1, 0.4, 0.8}; }

// The first place where a ray, from outside, meets the ball.
std::optional<Vec3> met(const Vec3& from, const Vec3& direction) {
    const Vec3 to = from - kCentre;
    const double b = dot(to, direction), square = b * b - dot(to, to) + kRadius * kRadius;
    if (square < 0) return {};
    return to + (-b - std::sqrt(square)) * direction;
}

// RGBA, each pixel the mean of 16 rays.
FitView picture(double azimuth, double elevation) {
    constexpr int kFiner = 4;
    const Orbit orbit{
        .azimuth = azimuth, .elevation = elevation, .distance = 3, .target = {0.1, 0, 0.2}};
    FitView view{orbit_camera(orbit, kSize, kSize), {kSize, kSize, 4, {}}};
    const std::array<float, 3> position = position_of(view.camera);
    const Vec3 eye = {position[0], position[1], position[2]};
    // Rays in a cube of side 1 from the origin are those of the world.
    const FieldOptions world{.centre = {0.5, 0.5, 0.5}, .half = 0.5};
    for (int y = 0; y < kSize; y++)
        for (int x = 0; x < kSize; x++) {
            double sums[4] = {};
            for (int i = 0; i < kFiner * kFiner; i++) {
                const Ray ray = ray_at(view.camera, x + (i % kFiner + 0.5) / kFiner,
                                       y + (i / kFiner + 0.5) / kFiner, world);
                const auto at = met(eye, {ray.direction[0], ray.direction[1], ray.direction[2]});
                if (!at) continue;
                for (size_t c = 0; c < 3; c++) sums[c] += colour_at(*at)[c];
                sums[3] += 1;
            }
            for (const double sum : sums)
                view.image.pixels.push_back(uint8_t(std::lround(255 * sum / (kFiner * kFiner))));
        }
    return view;
}

std::vector<FitView> pictures() {
    std::vector<FitView> views;
    for (int i = 0; i < 12; i++)
        views.push_back(picture(137.5 * i, std::asin(1 - (2 * i + 1) / 12.0) * 180 / M_PI));
    return views;
}

// That nothing has learnt from.
std::vector<FitView> others() { return {picture(20, 10), picture(130, -35), picture(265, 50)}; }

// Fitted once for all tests.
struct Learnt {
    std::shared_ptr<Device> device = test_device();
    FieldOptions options{
        .levels = 6, .entries = 12, .coarsest = 8, .finest = 64, .directional = false, .seed = 3};
    FieldFit fit =
        take(FieldFit::create(device, pictures(),
                              {.field = options,
                               .march = {.samples = 1 << 14, .steps = 96, .cells = kCells},
                               .steps = 200,
                               .samples = 1 << 13}));

    Learnt() {
        while (!fit.done()) take(fit.step());
    }
};
Learnt& learnt() {
    static Learnt once;
    return once;
}

}   // namespace

TEST_CASE("a field of a ball becomes a mesh of it", "[gpu]") {
    const FieldOptions& options = learnt().options;
    FieldSolid solid(learnt().fit.renderer(), options, kCells,
                     visual_hull(pictures(), options, kCells));
    const TexturedMesh m =
        take(extract_mesh(solid, {.resolution = 48, .faces = 3000, .texture = 256}));
    const Surface surface = welded(m.mesh);
    check_closed(surface.triangles);
    CHECK(hold_of(surface.triangles).euler == 2);
    // What so short a fit leaves is fog, within which the surface is found: measured 0.2 % too
    // large, give or take 2.2 %.
    double sum = 0, squares = 0;
    for (const Vec3& p : surface.points) {
        const double radius = std::sqrt(dot(p - kCentre, p - kCentre)) / kRadius;
        sum += radius, squares += (radius - 1) * (radius - 1);
    }
    const double n = double(surface.points.size());
    INFO("radius " << sum / n << ", off by " << std::sqrt(squares / n));
    CHECK(std::abs(sum / n - 1) < 0.03);
    CHECK(std::sqrt(squares / n) < 0.045);
    double error = 0, values = 0;
    for (size_t t = 0; t < m.mesh.triangles.size(); t++) {
        const Sample at = sample_of(m, t, {1 / 3.0, 1 / 3.0, 1 / 3.0});
        const Vec3 out = at.place - kCentre;
        if (std::abs(out[2]) < 0.1) continue;   // where the colours meet
        const Vec3 want = colour_at(out);
        for (size_t c = 0; c < 3; c++, values++) error += std::pow(at.colour[c] - want[c], 2);
    }
    const double decibels = 10 * std::log10(values / error);
    INFO("colours " << decibels << " dB");
    CHECK(decibels > 30);   // measured 37.6
    check_silent(*learnt().device);
}

TEST_CASE("a field that is nowhere opaque has no mesh", "[gpu]") {
    const FieldOptions options{.levels = 2, .entries = 10, .finest = 32, .directional = false};
    RadianceField field = take(RadianceField::create(test_device(), options));
    FieldRenderer renderer = take(FieldRenderer::create(field, {.rays = 1000, .steps = 64}));
    // It begins as a fog that takes 1 - 1 / e of the light on the way through the whole cube: more
    // than half of it, but not what is left in an eighth of its cells.
    FieldSolid all(renderer, options, 2, {0xff}), some(renderer, options, 2, {1});
    const MeshOptions coarse{.resolution = 16, .faces = 500, .texture = 128};
    CHECK(extract_mesh(all, coarse));
    const auto none = extract_mesh(some, coarse);
    REQUIRE_FALSE(none);
    CHECK(none.error().status == Status::usage);
    CHECK(none.error().message.find("too faint") != std::string::npos);
    MeshOptions stopped = coarse;
    stopped.cancelled = [] { return true; };
    CHECK(extract_mesh(all, stopped).error().status == Status::interrupted);
}

TEST_CASE("cells of surfaces that pictures show are those of a ball's, not of its middle",
          "[gpu]") {
    FieldFit& fit = learnt().fit;
    const FieldOptions& options = learnt().options;
    const std::vector<uint32_t> seen =
        take(cells_seen(fit.field(), fit.renderer(), pictures(), kCells));
    const double size = 2 * options.half / kCells;
    size_t on = 0, found = 0, far = 0;
    for (size_t i = 0; i < size_t(kCells) * kCells * kCells; i++) {
        const size_t at[3] = {i % kCells, i / kCells % kCells, i / (kCells * kCells)};
        double square = 0;
        for (size_t a = 0; a < 3; a++) {
            const double place = options.centre[a] - options.half + size * (double(at[a]) + 0.5);
            square += std::pow(place - kCentre[a], 2);
        }
        const double away = std::abs(std::sqrt(square) - kRadius);
        const bool set = (seen[i / 32] >> (i % 32)) & 1;
        if (away < size / 4) on++, found += set;
        if (away > 4 * size) far += set;   // two cells of neighbours' corners, and fog
    }
    INFO(found << " of " << on << ", and " << far << " far away");
    CHECK(on > 20);
    CHECK(found == on);
    CHECK(far < on / 20);   // rays that graze the ball stop in what little fog there is
}

TEST_CASE("a field becomes splats that look like it", "[gpu]") {
    FieldFit& fit = learnt().fit;
    const auto psnr_of = [](auto& shown) {
        double sum = 0;
        for (const FitView& view : others()) sum += take(shown.compare(view)).psnr / 3;
        return sum;
    };
    const double field = psnr_of(fit);
    // Those of the field are from a third farther away: with as many more pixels they are as fine
    // as the others, which splats are looked at with best.
    const bool own = GENERATE(true, false);
    const std::vector<FitView> views =
        own ? pictures() : take(views_around(fit.field(), fit.renderer(), 12, kSize * 4 / 3));
    const auto made = [&](uint32_t steps) {
        return take(to_splats(fit.field(), fit.renderer(), views,
                              {.splats = 1500, .steps = steps, .sh_degree = 0}));
    };
    const Splats first = made(0), splats = made(150);
    REQUIRE(first.size() == 1500);
    double mean = 0;
    for (size_t i = 0; i < first.size(); i++) {
        const Vec3 place = {first.means[i * 3], first.means[i * 3 + 1], first.means[i * 3 + 2]};
        mean += std::sqrt(dot(place - kCentre, place - kCentre)) / kRadius / 1500;
    }
    Fit begun = take(Fit::create(learnt().device, others(), first, {}));
    Fit shown = take(Fit::create(learnt().device, others(), splats, {}));
    INFO("radius " << mean << "; field " << field << " dB, splats " << psnr_of(begun)
                   << " and then " << psnr_of(shown));
    // Rays stop a little inside, where the fog is thick enough: measured 0.94, which looks like the
    // ball by 21 dB. Fitted to its pictures splats do better than the field, by 1.6 dB, and to
    // those of the field as well as it does, by 0.3 dB.
    CHECK(std::abs(mean - 0.94) < 0.06);
    CHECK(psnr_of(begun) > 18);
    CHECK(field > 26);
    CHECK(psnr_of(shown) > field - (own ? 0.5 : 2));
    check_silent(*learnt().device);
}

TEST_CASE("splats of a field are the same twice, or say why there are none", "[gpu]") {
    FieldFit& fit = learnt().fit;
    const auto made = [&](const SplatsOfField& options) {
        return to_splats(fit.field(), fit.renderer(), pictures(), options);
    };
    uint32_t last = 0;
    SplatsOfField few{.splats = 100, .steps = 5, .seed = 7};
    const Splats once = take(made(few));
    few.progress = [&](std::string_view stage, uint32_t done, uint32_t total) {
        if (stage != "fitting") return;
        CHECK(total == 5);
        last = done;
    };
    const Splats again = take(made(few));
    CHECK(last == 5);
    CHECK(once.means == again.means);
    CHECK(once.sh == again.sh);
    few.seed = 8;
    CHECK(take(made(few)).means != once.means);
    few.cancelled = [] { return true; };
    CHECK(made(few).error().status == Status::interrupted);
    CHECK(made({.splats = 0}).error().status == Status::usage);
    CHECK(made({.sh_degree = 4}).error().status == Status::usage);
    CHECK(to_splats(fit.field(), fit.renderer(), {}).error().status == Status::usage);
    FitView away = picture(0, 0);   // looks past the ball
    away.camera.translation[0] += 100;
    const auto none = to_splats(fit.field(), fit.renderer(), {away}, {.splats = 100});
    REQUIRE_FALSE(none);
    CHECK(none.error().message.find("half opaque") != std::string::npos);
    CHECK_FALSE(views_around(fit.field(), fit.renderer(), 0, 48));
    CHECK_FALSE(views_around(fit.field(), fit.renderer(), 1, 8));
}
