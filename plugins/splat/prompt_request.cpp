#include "plugins/splat/prompt_request.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "modalities/latent/run.h"
#include "plugins/splat/field_command.h"

namespace kiln::splat_plugin {
namespace {

constexpr double kElevation = 15;   // of a given picture's camera, degrees

// How much of half a view an object takes in pictures of the default model, on average: most are
// longer than they are wide.
double usual_fill(double azimuth) {
    return 0.74 + 0.1 * std::pow(std::sin(azimuth * 0.017453292519943295), 2);
}

// What suits views like those that the prior draws: the shape in the middle of a long lens.
OrbitRanges views() {
    return {.elevation = {5, 30},
            .distance = {2.24, 2.24},
            .field_of_view = {30, 30},
            .overhead = 0.1,
            .overhead_elevation = {60, 80}};
}

OptimiserOptions optimiser(int steps) {
    return {.rates = {.means = 5e-3f,
                      .means_end = 5e-4f,
                      .means_steps = uint32_t(steps),
                      .log_scales = 0.01f,
                      .quaternions = 0.01f,
                      .logits = 0.05f,
                      .dc = 0.03f},
            .beta2 = 0.99f,
            .box = 0.6f};
}

// Begins with a quarter of the splats, which are larger. Gradients of a prior say where more are
// needed, but not by which size, and vary: the largest go first.
void grow(ShapeSettings& s, Growth kind) {
    s.growth = {.kind = kind, .every = uint32_t(std::max(s.steps / 20, 1)), .reset_every = 0};
    s.growth.from = s.growth.every * 4 - 1, s.growth.until = s.growth.every * 16;
    s.growth.adaptive.gradient = 0, s.growth.adaptive.clone_scale = 0.06f;
    s.growth.adaptive.growth = s.growth.relocation.growth = 0.15f;
    if (kind != Growth::none) s.first = std::max(s.splats / 4, 1u);
}

}   // namespace

ShapeSettings shape_settings(Json& r) {
    for (const char* other : {"images", "sh_degree"})
        if (r.contains(other))
            usage("--" + std::string(other) + " and a prompt do not go together");
    if (!r.contains("seed")) r["seed"] = std::random_device()();
    ShapeSettings s;
    const bool field = is_field(r);
    r["steps"] = s.steps = r.value("steps", field ? 400 : 500);
    r["splats"] = s.splats = r.value("splats", field ? FieldShapeOptions().splats : 4000u);
    s.batch = r.value("views", 1);
    s.seed = r["seed"];
    s.ball = 0.4;
    s.views = views();
    s.backdrops = {.darkest = 0.6, .lightest = 1};   // modalities/splat/distillation/words.md
    s.sparsity = 450, s.decided = 300;
    s.text.repel = r.value("perp_neg", 1.0);
    const bool ism = r.value("method", "sds") == "ism";
    s.distillation.method =
        ism ? DistillationOptions::Method::ism : DistillationOptions::Method::sds;
    r["cfg"] = s.distillation.cfg = r.value("cfg", ism ? 7.5 : 20.0);
    s.linear_until = r.value("encoder", "linear") == "linear" ? 1 : 0;
    s.antialiased = r.value("antialiased", false);
    s.optimiser = optimiser(s.steps);
    grow(s, growth_named(r.value("growth", "none")));
    return s;
}

FieldShapeOptions field_settings(Json& r, ShapeSettings& s) {
    for (const char* other : {"growth", "antialiased", "image"})
        if (r.contains(other) && r[other] != false)
            usage("--" + std::string(other) + " and --representation nerf do not go together");
    // With as much weight against fog as splats have, windows and wheels never appear.
    s.sparsity = 50, s.decided = 400;
    FieldShapeOptions o;
    o.splats = s.splats, o.seed = s.seed;
    return o;
}

std::string whole_prompt(const Json& r) {
    const std::string background = r.value("background", "");
    return r["prompt"].get<std::string>() + (background.empty() ? "" : " " + background);
}

std::optional<Image> given_object(Json& r, const sdk::Request& files) {
    const auto read = [&](const char* key, int channels) -> std::optional<Image> {
        const sdk::Blob* file = builtin::file_of(r, key, files);
        if (!file) return {};
        const std::string name(file->file_name);
        r[key] = std::filesystem::path(name).filename().string();
        return take(decode_image(file->data, name, channels));
    };
    const std::optional<Image> picture = read("image", 0), mask = read("mask", 1);
    if (picture) return take(cut_out(*picture, mask, r["image"].get<std::string>()));
    for (const char* key : {"mask", "image_azimuth", "image_elevation", "image_fill"})
        if (r.contains(key)) usage(std::string(key) + ": there is no --image that it is of");
    return {};
}

void add_picture(ShapeSettings& settings, const Json& r, const Image& object, int size) {
    const Orbit orbit{.azimuth = r.value("image_azimuth", 0.0),
                      .elevation = r.value("image_elevation", kElevation),
                      .distance = settings.views.distance.high,
                      .target = {},
                      .field_of_view = settings.views.field_of_view.high};
    settings.pictures.push_back(
        {orbit, framed(object, size, r.value("image_fill", usual_fill(orbit.azimuth)))});
}

ImageOptions prior_options(const Json& r) {
    return {.variant = r.value("variant", ""),
            .tokenizer = r.value("tokenizer", ""),
            .precision = builtin::precision_of(r)};
}

}   // namespace kiln::splat_plugin
