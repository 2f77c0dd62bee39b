#include "modalities/splat/distillation/splat_shape.h"

#include <optional>

#include "modalities/splat/fit/draws.h"
#include "modalities/splat/fit/fit_file.h"
#include "modalities/splat/raster/rasteriser.h"

namespace kiln {
namespace {

constexpr uint64_t kGrowthSeed = 0x67726f77;   // a stream of random numbers of its own

Result<ReferenceLoss> reference_of(const std::shared_ptr<Device>& device, const ShapeSettings& s) {
    ReferenceOptions options = s.reference;
    options.seed = s.seed, options.antialiased = s.antialiased;
    return ReferenceLoss::create(device, s.pictures, options);
}

std::string flaw_of(const ShapeSettings& s) {
    if (s.splats < 1) return "at least one splat";
    if (s.first > s.splats) return "no more splats to begin with than at the end";
    return flaw_of(s.growth);
}

Splats first_of(const ShapeSettings& s) {
    const uint32_t n = s.first ? s.first : s.splats;
    const float ball = float(s.ball);
    if (!s.pictures.empty()) return splats_in_view(n, ball, s.pictures, s.seed, s.initial);
    return random_splats(n, {}, {ball, ball, ball}, Region::ball, s.seed, s.initial);
}

}   // namespace

struct SplatShape::State {
    std::shared_ptr<Device> device;
    ShapeSettings settings;
    int size = 0;
    std::vector<Rasteriser> rasterisers = {};   // one a view, over the same splats
    std::optional<Optimiser> optimiser = {};
    std::optional<ReferenceLoss> reference = {};

    Result<void> draw_at(int wanted, const Splats& splats);
    Result<void> write(const Cloud& cloud);
    Result<void> grow(int done, int steps);
};

// Rasterisers of this size, all over the same splats.
Result<void> SplatShape::State::draw_at(int wanted, const Splats& splats) {
    size = wanted;
    rasterisers.clear();
    RasterOptions options{.width = size,
                          .height = size,
                          .splats = settings.splats,
                          .antialiased = settings.antialiased};
    for (int i = 0; i < settings.batch; i++) {
        auto made = Rasteriser::create(device, options);
        if (!made) return made.error();
        rasterisers.push_back(std::move(*made));
        if (i == 0)
            if (auto done = rasterisers[0].write(splats); !done) return done;
        rasterisers.back().set_count(uint32_t(splats.size()));
        options.parameters = rasterisers[0].parameters();
    }
    return {};
}

Result<void> SplatShape::State::write(const Cloud& cloud) {
    if (auto done = optimiser->write(cloud.memory); !done) return done;
    if (auto done = rasterisers[0].write(cloud.splats); !done) return done;
    for (Rasteriser& r : rasterisers) r.set_count(uint32_t(cloud.splats.size()));
    return {};
}

// After so many steps.
Result<void> SplatShape::State::grow(int done, int steps) {
    if (!grows_after(uint32_t(done), uint32_t(steps), settings.growth)) return {};
    auto splats = rasterisers[0].read();
    if (!splats) return splats.error();
    auto memory = optimiser->read(splats->size());
    if (!memory) return memory.error();
    Cloud cloud{std::move(*splats), std::move(*memory)};
    Draws seeds(settings.seed ^ kGrowthSeed, uint64_t(done));
    kiln::grow(cloud, uint32_t(done), settings.growth, settings.ball,
               uint64_t(seeds.share() * 4294967296.0));
    return write(cloud);
}

Result<std::unique_ptr<Representation>> SplatShape::create(std::shared_ptr<Device> device,
                                                           const ShapeSettings& settings,
                                                           int size) {
    if (const std::string flaw = flaw_of(settings); !flaw.empty())
        return Error{Status::usage, flaw};
    auto state = std::make_unique<State>(State{std::move(device), settings});
    state->settings.growth.most = settings.splats;
    if (!settings.pictures.empty()) {
        auto reference = reference_of(state->device, settings);
        if (!reference) return reference.error();
        state->reference = std::move(*reference);
    }
    if (auto done = state->draw_at(size, first_of(settings)); !done) return done.error();
    auto optimiser =
        Optimiser::create(state->device, state->rasterisers[0].sections(), settings.optimiser);
    if (!optimiser) return optimiser.error();
    state->optimiser = std::move(*optimiser);
    return std::unique_ptr<Representation>(new SplatShape(std::move(state)));
}

SplatShape::SplatShape(std::unique_ptr<State> state) : state_(std::move(state)) {}
SplatShape::~SplatShape() = default;

Result<std::vector<float>> SplatShape::draw(size_t view, const Camera& camera, int size) {
    State& s = *state_;
    if (size != s.size) {
        const auto splats = s.rasterisers[0].read();
        if (!splats) return splats.error();
        if (auto done = s.draw_at(size, *splats); !done) return done.error();
    }
    if (auto done = s.rasterisers[view].draw({.camera = camera}); !done) return done.error();
    return s.rasterisers[view].read_image();
}

Result<void> SplatShape::differentiate(size_t view, std::span<const float> slopes, float weight) {
    Rasteriser& rasteriser = state_->rasterisers[view];
    if (auto done = rasteriser.differentiate(slopes); !done) return done;
    return state_->optimiser->add(rasteriser, weight);
}

Result<void> SplatShape::step(int done, int steps) {
    State& s = *state_;
    Rasteriser& rasteriser = s.rasterisers[0];
    if (s.reference)
        if (auto added =
                s.reference->add(rasteriser, *s.optimiser, done, double(done) / double(steps));
            !added)
            return added;
    if (auto moved = s.optimiser->step(rasteriser); !moved) return moved;
    return s.grow(done + 1, steps);
}

Result<Splats> SplatShape::splats() {
    auto splats = state_->rasterisers[0].read();
    if (splats) splats->antialiased = state_->settings.antialiased;
    return splats;
}

Result<std::vector<ReferenceLoss::Quality>> SplatShape::compare() {
    return state_->reference ? state_->reference->compare(state_->rasterisers[0])
                             : Representation::compare();
}

Result<void> SplatShape::save(const std::string& path, uint64_t fingerprint) const {
    auto splats = state_->rasterisers[0].read();
    if (!splats) return splats.error();
    auto memory = state_->optimiser->read(splats->size());
    if (!memory) return memory.error();
    return write_fit(path, {fingerprint, {std::move(*splats), std::move(*memory)}});
}

Result<int> SplatShape::resume(const std::string& path, uint64_t fingerprint, int steps) {
    auto file = read_fit(path, 0, state_->settings.splats);
    if (!file) return file.error();
    const uint32_t done = file->cloud.memory.steps;
    if (file->views != fingerprint || done > uint32_t(steps))
        return Error{Status::bad_file,
                     path +
                         ": the state of another run: of another prompt, seed, number of steps "
                         "or views a step"};
    if (auto written = state_->write(file->cloud); !written) return written.error();
    return int(done);
}

}   // namespace kiln
