#include "modalities/splat/shape_distiller.h"

#include <cmath>
#include <numeric>

#include "modalities/splat/draws.h"
#include "modalities/splat/rasteriser.h"

namespace kiln {
namespace {

// Streams of random numbers that are not those of views and backdrops.
constexpr uint64_t kBallSeed = 0x62616c6c, kBackdropSeed = 0x6261636b, kNoiseSeed = 0x6e6f6973;

// One of the views of a step.
struct Shot {
    Orbit orbit;
    std::array<float, 3> backdrop;
    std::vector<float> drawn;   // [size, size, 8]
    PromptEmbedding mixed;
    std::vector<float> noise;
};

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
    PictureEncoder* encoder;
    ShapeSettings settings;
    ViewTexts texts;
    OrbitSampler views;
    int size = 0, done = 0;
    std::vector<Rasteriser> rasterisers;   // one a view of the batch, over the same splats
    std::optional<Optimiser> optimiser;

    void resize();
    Shot shoot(size_t view);
    std::vector<float> slopes(const Shot& shot, std::span<const float> by_picture) const;
    Report step();
};

// The size at this step, which all rasterisers draw.
void ShapeDistiller::State::resize() {
    const double share = double(done) / settings.steps;
    const int whole = prior->info().picture_height;
    const int wanted = share < settings.quarter_until ? whole / 4
                       : share < settings.half_until  ? whole / 2
                                                      : whole;
    if (wanted == size) return;
    size = wanted;
    RasterOptions options{.width = size, .height = size, .splats = settings.splats};
    Splats splats = rasterisers.empty() ? ball_of_splats(settings) : take(rasterisers[0].read());
    rasterisers.clear();
    for (int i = 0; i < settings.batch; i++) {
        rasterisers.push_back(take(Rasteriser::create(device, options)));
        if (i == 0) take(rasterisers[0].write(splats));
        rasterisers.back().set_count(uint32_t(splats.size()));
        options.parameters = rasterisers[0].parameters();
    }
    if (!optimiser)
        optimiser.emplace(
            take(Optimiser::create(device, rasterisers[0].sections(), settings.optimiser)));
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
    for (size_t at = size_t(Channel::alpha); at < all.size(); at += kChannels) {
        const double a = shot.drawn[at];
        all[at] += float(settings.sparsity * a / std::sqrt(a * a + 0.01) / pixels);
    }
    return all;
}

ShapeDistiller::Report ShapeDistiller::State::step() {
    resize();
    const PriorInfo& info = prior->info();
    std::vector<Shot> shots;
    std::vector<float> pictures;
    double alpha = 0;
    for (size_t view = 0; view < rasterisers.size(); view++) {
        const Shot& shot = shots.emplace_back(shoot(view));
        std::vector<float> picture = before(shot.drawn, shot.backdrop);
        if (size != info.picture_height) picture = resized(picture, size, info.picture_height, 3);
        pictures.insert(pictures.end(), picture.begin(), picture.end());
        for (size_t at = size_t(Channel::alpha); at < shot.drawn.size(); at += kChannels)
            alpha += shot.drawn[at];
    }
    const std::vector<float> latents = take(encoder->encode(pictures));
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
    const std::vector<float> by_pictures = take(encoder->pull_back(cotangents));
    for (size_t i = 0; i < shots.size(); i++) {
        take(rasterisers[i].differentiate(
            slopes(shots[i],
                   std::span(by_pictures).subspan(i * info.picture_size(), info.picture_size()))));
        take(optimiser->add(rasterisers[i], 1 / float(shots.size())));
    }
    take(optimiser->step(rasterisers[0]));
    done++;
    return {done, timestep, root_mean_square(by_latents),
            alpha / (double(shots.size()) * size * size)};
}

Splats ball_of_splats(const ShapeSettings& s) {
    Splats splats = make_splats(s.splats, 0);
    Draws draws(s.seed, kBallSeed);
    for (size_t i = 0; i < splats.size(); i++) {
        double p[3], square;
        do {
            square = 0;
            for (double& x : p) x = draws.between(-1, 1), square += x * x;
        } while (square > 1);
        for (size_t axis = 0; axis < 3; axis++) {
            splats.means[i * 3 + axis] = float(s.ball * p[axis]);
            splats.log_scales[i * 3 + axis] = float(std::log(s.first_scale));
            splats.sh[i * 3 + axis] = float(draws.between(-0.5, 0.5));
        }
        splats.logits[i] = float(std::log(s.opacity / (1 - s.opacity)));
    }
    splats.antialiased = true;
    return splats;
}

Result<ShapeDistiller> ShapeDistiller::create(std::shared_ptr<Device> device, Prior& prior,
                                              PictureEncoder& encoder,
                                              const ShapeSettings& settings,
                                              const std::string& prompt,
                                              const std::optional<std::string>& negative) {
    if (settings.steps < 1 || settings.batch < 1 || settings.splats < 1 || settings.strata < 1)
        return Error{Status::usage, "at least one step, view a step, splat and part of a turn"};
    auto texts = ViewTexts::embed(prior, prompt, negative, settings.text);
    if (!texts) return texts.error();
    auto state = std::make_unique<State>(
        State{std::move(device), &prior, &encoder, settings, std::move(*texts),
              OrbitSampler(settings.views, settings.strata, settings.seed)});
    try {
        state->resize();
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

Result<Splats> ShapeDistiller::splats() const {
    auto splats = state_->rasterisers[0].read();
    if (splats) splats->antialiased = true;
    return splats;
}

}   // namespace kiln
