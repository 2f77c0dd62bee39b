#include "modalities/splat/shape_distiller.h"

#include <algorithm>
#include <cmath>

#include "modalities/splat/draws.h"
#include "modalities/splat/fit_file.h"
#include "modalities/splat/learned_encoder.h"
#include "modalities/splat/rasteriser.h"
#include "runtime/base/hash.h"

namespace kiln {
namespace {

// Streams of random numbers that are not those of views and backdrops.
constexpr uint64_t kBackdropSeed = 0x6261636b, kNoiseSeed = 0x6e6f6973, kExampleSeed = 0x6578616d,
                   kGrowthSeed = 0x67726f77;

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

Result<ReferenceLoss> reference_of(const std::shared_ptr<Device>& device, const ShapeSettings& s) {
    ReferenceOptions options = s.reference;
    options.seed = s.seed, options.antialiased = s.antialiased;
    return ReferenceLoss::create(device, s.pictures, options);
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
    std::vector<Rasteriser> rasterisers;   // one a view of the batch, over the same splats
    std::optional<Optimiser> optimiser;
    std::optional<LinearEncoder> linear;
    std::optional<ReferenceLoss> reference;

    void draw_at(int wanted, const Splats& splats);
    void resize();
    void write(const Cloud& cloud);
    void grow();
    PictureEncoder& encoder();
    Shot shoot(size_t view);
    std::vector<float> pictures(std::span<const Shot> shots) const;
    std::vector<float> slopes(const Shot& shot, std::span<const float> by_picture) const;
    void follow(std::span<const Shot> shots, std::span<const float> by_latents);
    Report step();
};

// Rasterisers of this size, all over the same splats.
void ShapeDistiller::State::draw_at(int wanted, const Splats& splats) {
    size = wanted;
    rasterisers.clear();
    RasterOptions options{.width = size,
                          .height = size,
                          .splats = settings.splats,
                          .antialiased = settings.antialiased};
    for (int i = 0; i < settings.batch; i++) {
        rasterisers.push_back(take(Rasteriser::create(device, options)));
        if (i == 0) take(rasterisers[0].write(splats));
        rasterisers.back().set_count(uint32_t(splats.size()));
        options.parameters = rasterisers[0].parameters();
    }
}

// To the size of this step.
void ShapeDistiller::State::resize() {
    const double share = double(done) / settings.steps;
    const int whole = prior->info().picture_height;
    const int wanted = share < settings.quarter_until ? whole / 4
                       : share < settings.half_until  ? whole / 2
                                                      : whole;
    if (wanted != size) draw_at(wanted, take(rasterisers[0].read()));
}

void ShapeDistiller::State::write(const Cloud& cloud) {
    take(optimiser->write(cloud.memory));
    take(rasterisers[0].write(cloud.splats));
    for (Rasteriser& r : rasterisers) r.set_count(uint32_t(cloud.splats.size()));
}

// After a step.
void ShapeDistiller::State::grow() {
    if (!grows_after(uint32_t(done), uint32_t(settings.steps), settings.growth)) return;
    Cloud cloud{take(rasterisers[0].read()), {}};
    cloud.memory = take(optimiser->read(cloud.splats.size()));
    Draws seeds(settings.seed ^ kGrowthSeed, uint64_t(done));
    kiln::grow(cloud, uint32_t(done), settings.growth, settings.ball,
               uint64_t(seeds.share() * 4294967296.0));
    write(cloud);
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
    take(rasterisers[view].draw({.camera = orbit_camera(shot.orbit, size, size)}));
    shot.drawn = take(rasterisers[view].read_image());
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

// From the latents of what was drawn and encoded last to the splats.
void ShapeDistiller::State::follow(std::span<const Shot> shots, std::span<const float> by_latents) {
    const size_t picture = prior->info().picture_size();
    const std::vector<float> by_pictures = take(encoder().pull_back(by_latents));
    for (size_t i = 0; i < shots.size(); i++) {
        take(rasterisers[i].differentiate(
            slopes(shots[i], std::span(by_pictures).subspan(i * picture, picture))));
        take(optimiser->add(rasterisers[i], 1 / float(shots.size())));
    }
}

ShapeDistiller::Report ShapeDistiller::State::step() {
    resize();
    const PriorInfo& info = prior->info();
    std::vector<Shot> shots;
    double alpha = 0;
    for (size_t view = 0; view < rasterisers.size(); view++) {
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
    if (reference) take(reference->add(rasterisers[0], *optimiser, done, share));
    take(optimiser->step(rasterisers[0]));
    done++;
    grow();
    return {done, timestep, root_mean_square(by_latents),
            alpha / (double(shots.size()) * size * size)};
}

Result<ShapeDistiller> ShapeDistiller::create(std::shared_ptr<Device> device, Prior& prior,
                                              const ShapeSettings& settings,
                                              const std::string& prompt,
                                              const std::optional<std::string>& negative) {
    if (settings.steps < 1 || settings.batch < 1 || settings.splats < 1 || settings.strata < 1)
        return Error{Status::usage, "at least one step, view a step, splat and part of a turn"};
    if (settings.first > settings.splats)
        return Error{Status::usage, "no more splats to begin with than at the end"};
    if (const std::string flaw = flaw_of(settings.growth); !flaw.empty())
        return Error{Status::usage, flaw};
    auto texts = ViewTexts::embed(prior, prompt, negative, settings.text);
    if (!texts) return texts.error();
    auto state = std::make_unique<State>(
        State{std::move(device), &prior, settings, fingerprint_of(settings, prompt, negative),
              std::move(*texts), OrbitSampler(settings.views, settings.strata, settings.seed)});
    state->settings.growth.most = settings.splats;
    try {
        const float ball = float(settings.ball);
        const uint32_t first = settings.first ? settings.first : settings.splats;
        if (!settings.pictures.empty())
            state->reference = take(reference_of(state->device, settings));
        state->draw_at(prior.info().picture_height,
                       state->reference ? splats_in_view(first, ball, settings.pictures,
                                                         settings.seed, settings.initial)
                                        : random_splats(first, {}, {ball, ball, ball}, Region::ball,
                                                        settings.seed, settings.initial));
        state->optimiser.emplace(take(Optimiser::create(
            state->device, state->rasterisers[0].sections(), settings.optimiser)));
    } catch (const ResultError& failure) {
        return failure.error;
    }
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
    auto splats = state_->rasterisers[0].read();
    if (!splats) return splats.error();
    auto memory = state_->optimiser->read(splats->size());
    if (!memory) return memory.error();
    return write_fit(path, {state_->fingerprint, {std::move(*splats), std::move(*memory)}});
}

Result<void> ShapeDistiller::resume(const std::string& path) {
    State& s = *state_;
    auto file = read_fit(path, 0, s.settings.splats);
    if (!file) return file.error();
    const uint32_t steps = file->cloud.memory.steps;
    if (file->views != s.fingerprint || steps > uint32_t(s.settings.steps))
        return Error{Status::bad_file,
                     path +
                         ": the state of another run: of another prompt, seed, number of steps "
                         "or views a step"};
    try {
        s.write(file->cloud);
    } catch (const ResultError& failure) {
        return failure.error;
    }
    s.done = int(steps);
    return {};
}

Result<Splats> ShapeDistiller::splats() const {
    auto splats = state_->rasterisers[0].read();
    if (splats) splats->antialiased = state_->settings.antialiased;
    return splats;
}

Result<std::vector<ReferenceLoss::Quality>> ShapeDistiller::compare() {
    if (!state_->reference) return std::vector<ReferenceLoss::Quality>();
    return state_->reference->compare(state_->rasterisers[0]);
}

Result<Image> ShapeDistiller::picture(const Orbit& orbit) {
    Rasteriser& rasteriser = state_->rasterisers[0];
    const int size = state_->size;
    if (auto done = rasteriser.draw({.camera = orbit_camera(orbit, size, size)}); !done)
        return done.error();
    const auto drawn = rasteriser.read_image();
    if (!drawn) return drawn.error();
    Image image{size, size, 3, {}};
    for (const float value : before(*drawn, {0.8f, 0.8f, 0.8f}))
        image.pixels.push_back(uint8_t(std::lround(value * 255)));
    return image;
}

}   // namespace kiln
