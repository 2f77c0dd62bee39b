#include "modalities/splat/fit/fit.h"

#include <algorithm>
#include <cmath>
#include <list>
#include <numeric>
#include <optional>
#include <random>

#include "modalities/splat/fit/exposures.h"
#include "modalities/splat/fit/fit_file.h"
#include "modalities/splat/fit/fit_views.h"
#include "runtime/base/check.h"

namespace kiln {
namespace {

constexpr size_t kStages = 8;

// Words that have nothing in common for any two purposes, steps or seeds: splitmix64.
enum Purpose : uint64_t { kOrder = 1, kBackground, kGrowth };
uint64_t mixed(uint64_t seed, Purpose purpose, uint64_t step) {
    uint64_t x = seed + 0x9e3779b97f4a7c15ull * (4 * step + purpose);
    for (const uint64_t factor : {0xbf58476d1ce4e5b9ull, 0x94d049bb133111ebull})
        x = (x ^ (x >> 30)) * factor;
    return x ^ (x >> 31);
}

std::string flaw_of(const FitOptions& o, const Splats& initial) {
    if (o.steps < 1 || o.sh_degree < 0 || o.sh_degree > kMaxShDegree)
        return "at least one step and harmonics of degree 0 to 3 are needed";
    if (o.coarse < 1 || o.coarse > 8 || (o.coarse & (o.coarse - 1)) || o.coarse_steps < 1)
        return "pictures begin smaller by 1, 2, 4 or 8, for some steps";
    for (const float rate : {o.exposure_rate, o.exposure_rate_end})
        if (!(rate > 0) || !std::isfinite(rate)) return "rates of exposures are above 0 and finite";
    if (!(o.extent >= 0) || !std::isfinite(o.extent)) return "an extent is finite";
    for (const float v : o.background)
        if (!std::isfinite(v)) return "a background is finite";
    if (initial.size() < 1 || initial.size() > o.growth.most)
        return "it begins with 1 to " + std::to_string(o.growth.most) + " splats, not " +
               std::to_string(initial.size());
    if (!consistent(initial) || !sound(initial))
        return "it begins with splats that are not finite or have no rotation";
    return flaw_of(o.growth);
}

}   // namespace

FitOptions relocating(FitOptions options) {
    options.growth.kind = Growth::relocated;
    options.optimiser.noise = 5e5f;
    options.optimiser.opacity_weight = options.optimiser.scale_weight = 0.01f;
    return options;
}

struct Fit::State {
    std::shared_ptr<Device> device;
    std::vector<FitView> views;
    FitOptions options;
    double extent = 1;
    uint64_t fingerprint = 0;
    // One for each size of picture; they draw the same parameters. The latest first.
    struct Stage {
        int width, height;
        Rasteriser rasteriser;
        PictureLoss loss;
    };
    std::list<Stage> stages;
    Buffer parameters;
    uint32_t capacity = 0, count = 0;
    std::optional<Optimiser> optimiser;
    std::vector<uint32_t> order;   // of the views in round `round`
    uint64_t round = UINT64_MAX;
    Exposures exposures{0};
    int factor = 0;               // of the last step
    PictureLoss::Values loss{};   // of that, too

    Result<void> make_room(uint32_t wanted);
    Result<Stage*> stage(int width, int height);
    Result<Cloud> read() const;
    Result<void> write(const Cloud& cloud);
    uint32_t view_at(uint32_t step);
    int factor_at(uint32_t step) const;
    int degree_at(uint32_t step) const;
    std::array<float, 3> background_at(uint32_t step, const FitView& view) const;
    Result<void> learn(size_t which, int smaller);
    Result<void> grow();
};

// Room for as many splats, all of it new, and nothing in it; without memory for that, all is as it
// was.
Result<void> Fit::State::make_room(uint32_t wanted) {
    const SplatSections sections{wanted, options.sh_degree};
    if (sections.end() * 4 > device->caps().binding_range)
        return Error{Status::out_of_memory, "splats: " + std::to_string(wanted) +
                                                " of them: more than a kernel here can bind"};
    auto buffer = device->allocate(sections.end() * 4, Intent::device);
    if (!buffer) return buffer.error();
    OptimiserOptions moving = options.optimiser;
    moving.extent = float(extent);
    moving.rates.means_steps = options.means_steps ? options.means_steps : options.steps;
    auto made = Optimiser::create(device, sections, moving);
    if (!made) return made.error();
    stages.clear();
    parameters = *buffer;
    optimiser = std::move(*made);
    capacity = wanted;
    return {};
}

Result<Fit::State::Stage*> Fit::State::stage(int width, int height) {
    const auto found = std::find_if(stages.begin(), stages.end(), [&](const Stage& s) {
        return s.width == width && s.height == height;
    });
    if (found != stages.end()) {
        stages.splice(stages.begin(), stages, found);
    } else {
        if (stages.size() == kStages) stages.pop_back();
        auto rasteriser = Rasteriser::create(device, {.width = width,
                                                      .height = height,
                                                      .splats = capacity,
                                                      .sh_degree = options.sh_degree,
                                                      .antialiased = options.antialiased,
                                                      .summation = options.summation,
                                                      .parameters = parameters});
        if (!rasteriser) return rasteriser.error();
        auto loss = PictureLoss::create(device, width, height, options.loss);
        if (!loss) return loss.error();
        stages.push_front({width, height, std::move(*rasteriser), std::move(*loss)});
    }
    stages.front().rasteriser.set_count(count);
    return &stages.front();
}

Result<Cloud> Fit::State::read() const {
    const SplatSections sections{capacity, options.sh_degree};
    std::vector<float> values(sections.end());
    if (auto done = device->read(parameters, values.data(), values.size() * 4); !done)
        return done.error();
    auto memory = optimiser->read(count);
    if (!memory) return memory.error();
    Cloud cloud{unpack(values, sections, count), std::move(*memory)};
    cloud.splats.antialiased = options.antialiased;
    return cloud;
}

Result<void> Fit::State::write(const Cloud& cloud) {
    const uint32_t n = uint32_t(cloud.splats.size());
    if (n > capacity) {
        const uint64_t room = std::min<uint64_t>(uint64_t(n) * 3 / 2, options.growth.most);
        if (auto done = make_room(std::max(uint32_t(room), n)); !done) return done;
    }
    count = n;
    const std::vector<float> values = pack(cloud.splats, {capacity, options.sh_degree});
    if (auto done = device->write(parameters, values.data(), values.size() * 4); !done) return done;
    return optimiser->write(cloud.memory);
}

uint32_t Fit::State::view_at(uint32_t step) {
    const size_t n = views.size();
    if (round != step / n) {
        round = step / n;
        std::mt19937_64 random(mixed(options.seed, kOrder, round));
        order.resize(n);
        std::iota(order.begin(), order.end(), 0u);
        for (size_t i = n; i > 1; i--) std::swap(order[i - 1], order[random() % i]);
    }
    return order[step % n];
}

int Fit::State::factor_at(uint32_t step) const {
    return std::max(1, options.coarse >> std::min(step / options.coarse_steps, 8u));
}

int Fit::State::degree_at(uint32_t step) const {
    if (!options.sh_every) return options.sh_degree;
    return int(std::min<uint32_t>(step / options.sh_every, uint32_t(options.sh_degree)));
}

std::array<float, 3> Fit::State::background_at(uint32_t step, const FitView& view) const {
    if (!options.random_background || view.image.channels < 4) return options.background;
    std::mt19937_64 random(mixed(options.seed, kBackground, step));
    std::array<float, 3> colour;
    for (float& v : colour) v = float(double(random() >> 11) * 0x1p-53);
    return colour;
}

Result<void> Fit::State::learn(size_t which, int smaller) {
    const FitView& view = views[which];
    const uint32_t at = optimiser->steps();
    smaller = std::min(smaller, most_factor(view));
    const auto found = stage(view.image.width / smaller, view.image.height / smaller);
    if (!found) return found.error();
    Stage& s = **found;
    const std::array<float, 3> background = background_at(at, view);
    const View seen{scaled(view.camera, smaller), background, degree_at(at)};
    if (auto done = s.rasteriser.draw(seen); !done) return done;
    if (auto done = s.loss.set_target(target_of(view, smaller)); !done) return done;
    const bool exposed = options.exposure && view.image.channels == 3;
    const Exposure exposure = exposed ? exposures.at(which) : Exposure{};
    if (auto done = s.loss.run(s.rasteriser, background, exposure); !done) return done;
    const auto values = s.loss.values();
    if (!values) return values.error();
    loss = *values;
    const double rate = double(options.exposure_rate) *
                        std::pow(double(options.exposure_rate_end / options.exposure_rate),
                                 double(at) / double(options.steps));
    if (exposed) exposures.step(which, loss.by_gain, loss.by_offset, rate);
    if (auto done = s.rasteriser.differentiate(); !done) return done;
    if (auto done = optimiser->add(s.rasteriser); !done) return done;
    return optimiser->step(s.rasteriser);
}

// After a step.
Result<void> Fit::State::grow() {
    const uint32_t at = optimiser->steps();
    if (!grows_after(at, options.steps, options.growth)) return {};
    auto cloud = read();
    if (!cloud) return cloud.error();
    kiln::grow(*cloud, at, options.growth, extent, mixed(options.seed, kGrowth, at));
    return write(*cloud);
}

Result<Fit> Fit::create(std::shared_ptr<Device> device, std::vector<FitView> views,
                        const Splats& initial, const FitOptions& options) {
    std::string flaw = flaw_of(options, initial);
    if (flaw.empty()) flaw = flaw_of(views);
    if (!flaw.empty()) return Error{Status::usage, "fit of splats: " + flaw};
    auto state = std::make_unique<State>();
    state->device = std::move(device);
    state->options = options;
    state->extent = options.extent > 0 ? double(options.extent) : extent_of(views, initial);
    state->fingerprint = fingerprint_of(views);
    const std::array<double, 3> middle = middle_of(views);
    std::copy(middle.begin(), middle.end(), state->options.growth.adaptive.middle.begin());
    if (options.exposure) state->exposures = Exposures(views.size());
    state->options.loss.exposed = options.exposure;
    state->views = std::move(views);
    if (auto loss = PictureLoss::create(state->device, 1, 1, options.loss); !loss)
        return loss.error();
    const uint32_t n = uint32_t(initial.size());
    if (auto done = state->make_room(n); !done) return done.error();
    const SplatSections sections{n, options.sh_degree};
    Cloud cloud{unpack(pack(initial, sections), sections, n), {}};
    cloud.memory.first = cloud.memory.second = make_splats(n, options.sh_degree);
    for (Splats* s : {&cloud.memory.first, &cloud.memory.second})
        std::fill(s->quaternions.begin(), s->quaternions.end(), 0.0f);
    cloud.memory.lengths.resize(n), cloud.memory.pictures.resize(n);
    if (auto done = state->write(cloud); !done) return done.error();
    return Fit(std::move(state));
}

Fit::Fit(std::unique_ptr<State> state) : state_(std::move(state)) {}
Fit::Fit(Fit&&) noexcept = default;
Fit& Fit::operator=(Fit&&) noexcept = default;
Fit::~Fit() = default;

Result<void> Fit::step() {
    State& s = *state_;
    const uint32_t at = s.optimiser->steps();
    const int smaller = s.factor_at(at);
    if (smaller != s.factor) s.stages.clear();
    s.factor = smaller;
    if (auto done = s.learn(s.view_at(at), smaller); !done) return done;
    return s.grow();
}

bool Fit::done() const { return steps() >= state_->options.steps; }
uint32_t Fit::steps() const { return state_->optimiser->steps(); }
uint32_t Fit::count() const { return state_->count; }
PictureLoss::Values Fit::loss() const { return state_->loss; }
Exposure Fit::exposure(size_t view) const {
    return state_->options.exposure ? state_->exposures.at(view) : Exposure{};
}
int Fit::factor() const { return state_->factor_at(steps()); }

Result<Splats> Fit::splats() const {
    auto cloud = state_->read();
    if (!cloud) return cloud.error();
    return std::move(cloud->splats);
}

Result<void> Fit::save(const std::string& path) const {
    auto cloud = state_->read();
    if (!cloud) return cloud.error();
    return write_fit(path, {state_->fingerprint, std::move(*cloud), state_->exposures.values()});
}

Result<void> Fit::resume(const std::string& path) {
    State& s = *state_;
    auto file =
        read_fit(path, s.options.sh_degree, s.options.growth.most, s.exposures.values().size());
    if (!file) return file.error();
    if (file->views != s.fingerprint)
        return Error{Status::bad_file, path + ": it was saved by a fit of other pictures"};
    Exposures exposures = s.exposures;
    if (!exposures.restore(file->exposures))
        return Error{Status::bad_file, path + ": exposures that cannot be"};
    if (auto done = s.write(file->cloud); !done) return done;
    s.exposures = std::move(exposures);
    return {};
}

Result<std::vector<float>> Fit::draw(const Camera& camera, int width, int height,
                                     const std::array<float, 3>& background) {
    const auto found = state_->stage(width, height);
    if (!found) return found.error();
    if (auto done = (*found)->rasteriser.draw({camera, background}); !done) return done.error();
    const auto image = (*found)->rasteriser.read_image();
    if (!image) return image.error();
    std::vector<float> pixels(image->size() / kChannels * 3);
    for (size_t i = 0; i < pixels.size(); i++) pixels[i] = (*image)[i / 3 * kChannels + i % 3];
    return pixels;
}

Result<Fit::Quality> Fit::compare(const FitView& view) {
    if (const std::string flaw = flaw_of(std::span(&view, 1)); !flaw.empty())
        return Error{Status::usage, "fit of splats: " + flaw};
    const std::array<float, 3>& background = state_->options.background;
    const auto drawn = draw(view.camera, view.image.width, view.image.height, background);
    if (!drawn) return drawn.error();
    PictureLoss& loss = state_->stages.front().loss;
    const std::vector<float> wanted = target_of(view, 1);
    if (auto done = loss.set_target(wanted); !done) return done.error();
    if (auto done = loss.run(state_->stages.front().rasteriser, background); !done)
        return done.error();
    const auto values = loss.values();
    if (!values) return values.error();
    return Quality{psnr(*drawn, wanted, background), 1 - values->dissimilarity};
}

}   // namespace kiln
