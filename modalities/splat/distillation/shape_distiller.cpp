#include "modalities/splat/distillation/shape_distiller.h"

#include <algorithm>
#include <cmath>

#include "modalities/splat/fit/draws.h"
#include "modalities/splat/distillation/learned_encoder.h"
#include "modalities/splat/raster/rasteriser.h"
#include "modalities/splat/distillation/splat_shape.h"
#include "runtime/base/hash.h"

namespace kiln {
namespace {

// Streams of random numbers that are not those of views and backdrops.
constexpr uint64_t kBackdropSeed = 0x6261636b, kNoiseSeed = 0x6e6f6973, kExampleSeed = 0x6578616d;

// One of the views of a step.
struct Shot {
    Orbit orbit;
    std::array<float, 3> backdrop;
    std::vector<float> drawn;   // [size, size, 8]
    PromptEmbedding mixed;
    std::vector<float> noise;
};

// Of what decides on the random numbers of a run and on what it is for.
uint64_t fingerprint_of(const ShapeSettings& s, const std::string& prompt,
                        const std::optional<std::string>& negative) {
    const std::string text = prompt + '\0' + negative.value_or("\1") + '\0' +
                             std::to_string(s.seed) + ' ' + std::to_string(s.steps) + ' ' +
                             std::to_string(s.batch) + ' ' + std::to_string(s.strata);
    return fingerprint_of(s.pictures, hash_bytes(std::as_bytes(std::span(text))));
}

double root_mean_square(std::span<const Latent> gradients) {
    double sum = 0, count = 0;
    for (const Latent& g : gradients)
        for (float value : g) sum += double(value) * value, count++;
    return std::sqrt(sum / count);
}

}   // namespace

struct ShapeDistiller::State {
    std::shared_ptr<Device> device;
    Prior* prior;
    ShapeSettings settings;
    uint64_t fingerprint;   // of what a saved run must have in common with this one
    ViewTexts texts;
    OrbitSampler views;
    int size = 0, done = 0;
    std::unique_ptr<Representation> shape;
    std::optional<LinearEncoder> linear;

    void resize();
    PictureEncoder& encoder();
    Shot shoot(size_t view);
    std::vector<float> pictures(std::span<const Shot> shots) const;
    std::vector<float> slopes(const Shot& shot, std::span<const float> by_picture) const;
    void follow(std::span<const Shot> shots, std::span<const float> by_latents);
    Report step();
};

// To the size of this step.
void ShapeDistiller::State::resize() {
    const double share = double(done) / settings.steps;
    const int whole = prior->info().picture_height;
    size = share < settings.quarter_until ? whole / 4
           : share < settings.half_until  ? whole / 2
                                          : whole;
}

// Learned when it is first asked for, as the prior's own is compiled then.
PictureEncoder& ShapeDistiller::State::encoder() {
    if (double(done) / settings.steps >= settings.linear_until ||
        !has_linear_encoder(prior->info()))
        return prior->encoder();
    if (!linear)
        linear = take(learned_encoder(device, *prior, settings.views, settings.backdrops,
                                      settings.seed ^ kExampleSeed));
    return *linear;
}

Shot ShapeDistiller::State::shoot(size_t view) {
    const uint64_t index = uint64_t(done) * uint64_t(settings.batch) + view;
    Shot shot{.orbit = views(index),
              .backdrop =
                  draw_backdrop(settings.backdrops, settings.seed ^ kBackdropSeed, uint64_t(done)),
              .drawn = {},
              .mixed = {},
              .noise = std::vector<float>(prior->info().latent_size())};
    shot.drawn = take(shape->draw(view, orbit_camera(shot.orbit, size, size), size));
    Draws seeds(settings.seed ^ kNoiseSeed, index);
    TorchGenerator(uint64_t(seeds.share() * 4294967296.0)).normal(shot.noise);
    return shot;
}

// As the encoder takes them.
std::vector<float> ShapeDistiller::State::pictures(std::span<const Shot> shots) const {
    const int whole = prior->info().picture_height;
    std::vector<float> all;
    for (const Shot& shot : shots) {
        std::vector<float> picture = before(shot.drawn, shot.backdrop);
        if (size != whole) picture = resized(picture, size, whole, 3);
        all.insert(all.end(), picture.begin(), picture.end());
    }
    return all;
}

std::vector<float> ShapeDistiller::State::slopes(const Shot& shot,
                                                 std::span<const float> by_picture) const {
    const int whole = prior->info().picture_height;
    std::vector<float> smaller;
    if (whole != size) {
        smaller = resized_backward(by_picture, size, whole, 3);
        by_picture = smaller;
    }
    std::vector<float> all = before_backward(shot.drawn, shot.backdrop, by_picture);
    const double pixels = double(all.size() / kChannels);
    const double decided = done * 2 < settings.steps ? 0 : settings.decided;
    for (size_t at = size_t(Channel::alpha); at < all.size(); at += kChannels) {
        const double a = shot.drawn[at], within = std::clamp(a, 0.01, 0.99);
        all[at] += float((settings.sparsity * a / std::sqrt(a * a + 0.01) +
                          decided * std::log((1 - within) / within)) /
                         pixels);
    }
    return all;
}

// From the latents of what was drawn and encoded last to the shape.
void ShapeDistiller::State::follow(std::span<const Shot> shots, std::span<const float> by_latents) {
    const size_t picture = prior->info().picture_size();
    const std::vector<float> by_pictures = take(encoder().pull_back(by_latents));
    for (size_t i = 0; i < shots.size(); i++)
        take(shape->differentiate(
            i, slopes(shots[i], std::span(by_pictures).subspan(i * picture, picture)),
            1 / float(shots.size())));
}

ShapeDistiller::Report ShapeDistiller::State::step() {
    resize();
    const PriorInfo& info = prior->info();
    std::vector<Shot> shots;
    double alpha = 0;
    for (size_t view = 0; view < size_t(settings.batch); view++) {
        const Shot& shot = shots.emplace_back(shoot(view));
        for (size_t at = size_t(Channel::alpha); at < shot.drawn.size(); at += kChannels)
            alpha += shot.drawn[at];
    }
    const std::vector<float> latents = take(encoder().encode(pictures(shots)));
    const double share = double(done) / settings.steps;
    const int timestep = settings.timesteps.timestep(
        share, Draws(settings.seed, uint64_t(done) * 2).share(), prior->schedule().size());
    std::vector<NoisyView> noisy;
    for (size_t i = 0; i < shots.size(); i++)
        noisy.push_back({std::span(latents).subspan(i * info.latent_size(), info.latent_size()),
                         timestep, shots[i].noise, texts(shots[i].orbit, shots[i].mixed)});
    const std::vector<Latent> by_latents = take(distil(*prior, settings.distillation, noisy));
    std::vector<float> cotangents;
    for (const Latent& g : by_latents) cotangents.insert(cotangents.end(), g.begin(), g.end());
    follow(shots, cotangents);
    take(shape->step(done, settings.steps));
    done++;
    return {done, timestep, root_mean_square(by_latents),
            alpha / (double(shots.size()) * size * size)};
}

Result<ShapeDistiller> ShapeDistiller::create(std::shared_ptr<Device> device, Prior& prior,
                                              const ShapeSettings& settings,
                                              const std::string& prompt,
                                              const std::optional<std::string>& negative,
                                              std::unique_ptr<Representation> shape) {
    if (settings.steps < 1 || settings.batch < 1 || settings.strata < 1)
        return Error{Status::usage, "at least one step, view a step and part of a turn"};
    if (!shape) {
        auto made = SplatShape::create(device, settings, prior.info().picture_height);
        if (!made) return made.error();
        shape = std::move(*made);
    }
    auto texts = ViewTexts::embed(prior, prompt, negative, settings.text);
    if (!texts) return texts.error();
    auto state = std::make_unique<State>(
        State{std::move(device), &prior, settings, fingerprint_of(settings, prompt, negative),
              std::move(*texts), OrbitSampler(settings.views, settings.strata, settings.seed)});
    state->size = prior.info().picture_height;
    state->shape = std::move(shape);
    return ShapeDistiller(std::move(state));
}

Result<ShapeDistiller::Report> ShapeDistiller::step() {
    try {
        return state_->step();
    } catch (const ResultError& failure) {
        return failure.error;
    }
}

ShapeDistiller::ShapeDistiller(std::unique_ptr<State> state) : state_(std::move(state)) {}
ShapeDistiller::ShapeDistiller(ShapeDistiller&&) noexcept = default;
ShapeDistiller& ShapeDistiller::operator=(ShapeDistiller&&) noexcept = default;
ShapeDistiller::~ShapeDistiller() = default;
int ShapeDistiller::done() const { return state_->done; }

Result<void> ShapeDistiller::save(const std::string& path) const {
    return state_->shape->save(path, state_->fingerprint);
}

Result<void> ShapeDistiller::resume(const std::string& path) {
    State& s = *state_;
    const auto done = s.shape->resume(path, s.fingerprint, s.settings.steps);
    if (!done) return done.error();
    s.done = *done;
    return {};
}

Result<Splats> ShapeDistiller::splats() { return state_->shape->splats(); }

Result<std::vector<ReferenceLoss::Quality>> ShapeDistiller::compare() {
    return state_->shape->compare();
}

Result<Image> ShapeDistiller::picture(const Orbit& orbit) {
    const int size = state_->size;
    const auto drawn = state_->shape->draw(0, orbit_camera(orbit, size, size), size);
    if (!drawn) return drawn.error();
    Image image{size, size, 3, {}};
    for (const float value : before(*drawn, {0.8f, 0.8f, 0.8f}))
        image.pixels.push_back(uint8_t(std::lround(value * 255)));
    return image;
}

}   // namespace kiln
