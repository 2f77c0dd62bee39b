#include "modalities/splat/fit/optimiser.h"

#include <algorithm>
#include <cmath>
#include <list>
#include <optional>

#include "kernels/adam.h"
#include "kernels/splat_noise.h"
#include "kernels/splat_sum.h"
#include "modalities/splat/raster/launch_list.h"
#include "runtime/base/check.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

constexpr uint32_t kLocal = 128;
constexpr size_t kKeptSums = 8;   // lists of launches, one for each rasteriser
constexpr float kAnywhere = 1e18f;

// As in shaders/lib/splat_optimiser.glsl.
struct OptimiserBlock {
    float rates[4], colours[4], moments[4], corrections[4], sum[4];
    uint32_t size[4], step[4];
};

bool sensible(const OptimiserOptions& o) {
    const LearningRates& r = o.rates;
    bool good = o.beta1 < 1 && o.beta2 < 1 && std::isfinite(o.least_log_scale) &&
                std::isfinite(o.most_log_scale) && o.least_log_scale <= o.most_log_scale;
    for (const float v : {r.means, r.means_end, r.log_scales, r.quaternions, r.logits, r.dc,
                          r.harmonics, o.extent, o.beta1, o.beta2, o.epsilon, o.opacity_weight,
                          o.scale_weight, o.noise, o.box, o.most_logit})
        good = good && std::isfinite(v) && v >= 0;
    return good && o.epsilon > 0;
}

}   // namespace

struct Optimiser::State {
    std::shared_ptr<Device> device;
    SplatSections sections;
    OptimiserOptions options;
    uint32_t steps = 0;
    bool begun = false;   // a sum of gradients
    Buffer block, sums, first, second, statistics;
    struct Sum {
        Buffer gradient;
        LaunchList list;
    };
    std::list<Sum> adding;   // the latest first
    Buffer stepped;          // the parameters of `stepping`
    std::optional<LaunchList> stepping;

    Result<void> allocate();
    Result<void> record_sum(const Buffer& gradient);
    Result<void> record_step(const Buffer& parameters);
    OptimiserBlock block_of(uint32_t count) const;
    Result<void> clear(const Buffer& buffer);
};

Result<void> Optimiser::State::clear(const Buffer& buffer) {
    const std::vector<float> zeros(buffer.size() / 4);
    return device->write(buffer, zeros.data(), buffer.size());
}

Result<void> Optimiser::State::allocate() {
    const uint64_t statistics_words = 2 * sections.capacity;
    for (auto [buffer, count] : {std::pair{&sums, sections.end()},
                                 {&first, sections.end()},
                                 {&second, sections.end()},
                                 {&statistics, statistics_words}}) {
        if (count * 4 > device->caps().binding_range)
            return Error{Status::out_of_memory, "splats: moments of " +
                                                    std::to_string(sections.capacity) +
                                                    " of them: more than a kernel here can bind"};
        auto made = device->allocate(count * 4, Intent::device);
        if (!made) return made.error();
        *buffer = *made;
        if (auto done = clear(*buffer); !done) return done;
    }
    auto made = device->allocate(sizeof(OptimiserBlock), Intent::upload);
    if (!made) return made.error();
    block = *made;
    return {};
}

Result<void> Optimiser::State::record_sum(const Buffer& gradient) {
    if (adding.size() == kKeptSums) adding.pop_back();
    LaunchList& list = adding.emplace_front(Sum{gradient, LaunchList(device)}).list;
    list.add(kernels::splat_sum::launch(
        kernels::splat_sum::Variant::main,
        {.block = list.operand(block),
         .gradient = list.operand(gradient),
         .sums = list.operand(sums),
         .statistics = list.operand(statistics)},
        {.capacity = uint32_t(sections.capacity), .end = uint32_t(sections.end())},
        fold(device->caps(), div_up(int64_t(sections.end() + sections.capacity), kLocal))));
    return list.record();
}

Result<void> Optimiser::State::record_step(const Buffer& parameters) {
    LaunchList& list = stepping.emplace(device);
    stepped = parameters;
    const uint32_t n = uint32_t(sections.capacity);
    const Grid grid = fold(device->caps(), div_up(n, kLocal));
    list.add(kernels::adam::launch(kernels::adam::Variant::main,
                                   {.block = list.operand(block),
                                    .sums = list.operand(sums),
                                    .first = list.operand(first),
                                    .second = list.operand(second),
                                    .splats = list.operand(parameters)},
                                   {.capacity = n},
                                   {.harmonics = uint32_t(sh_count(sections.sh_degree))}, grid));
    if (options.noise > 0)
        list.add(kernels::splat_noise::launch(
            kernels::splat_noise::Variant::main,
            {.block = list.operand(block), .splats = list.operand(parameters)}, {.capacity = n},
            grid));
    return list.record();
}

OptimiserBlock Optimiser::State::block_of(uint32_t count) const {
    const OptimiserOptions& o = options;
    const double t = double(steps) + 1, n = std::max<double>(count, 1);
    const double progress = std::min(double(steps) / std::max<double>(o.rates.means_steps, 1), 1.0);
    const double end = std::max(double(o.rates.means_end), 1e-30);
    const double means = o.rates.means > 0
                             ? double(o.extent) * std::pow(double(o.rates.means), 1 - progress) *
                                   std::pow(end, progress)
                             : 0;
    return {.rates = {float(means), o.rates.log_scales, o.rates.quaternions, o.rates.logits},
            .colours = {o.rates.dc, o.rates.harmonics, float(double(o.opacity_weight) / n),
                        float(double(o.scale_weight) / (3 * n))},
            .moments = {o.beta1, o.beta2, o.epsilon, o.box > 0 ? o.box : kAnywhere},
            .corrections = {float(1 / (1 - std::pow(double(o.beta1), t))),
                            float(1 / std::sqrt(1 - std::pow(double(o.beta2), t))),
                            o.least_log_scale, o.most_log_scale},
            .sum = {1, 0, float(means * double(o.noise)), o.most_logit},
            .size = {count, !begun, uint32_t(o.seed), uint32_t(o.seed >> 32)},
            .step = {steps + 1, 0, 0, 0}};
}

Result<Optimiser> Optimiser::create(std::shared_ptr<Device> device, const SplatSections& sections,
                                    const OptimiserOptions& options) {
    auto state = std::make_unique<State>();
    state->device = std::move(device);
    state->sections = sections;
    if (auto done = state->allocate(); !done) return done.error();
    Optimiser made(std::move(state));
    if (auto done = made.set_options(options); !done) return done.error();
    return made;
}

Optimiser::Optimiser(std::unique_ptr<State> state) : state_(std::move(state)) {}
Optimiser::Optimiser(Optimiser&&) noexcept = default;
Optimiser& Optimiser::operator=(Optimiser&&) noexcept = default;
Optimiser::~Optimiser() = default;

Result<void> Optimiser::set_options(const OptimiserOptions& options) {
    if (!sensible(options))
        return Error{Status::usage,
                     "splats: rates, weights and limits of an optimiser are finite and not below "
                     "0, its betas below 1 and its epsilon above 0"};
    if ((options.noise > 0) != (state_->options.noise > 0)) state_->stepping.reset();
    state_->options = options;
    return {};
}

Result<void> Optimiser::add(const Rasteriser& rasteriser, float weight) {
    State& s = *state_;
    const Buffer gradient = rasteriser.gradient();
    ensure(bool(gradient), "add() follows differentiate()");
    ensure(rasteriser.sections() == s.sections, "a rasteriser of the optimiser's sections");
    const auto kept = std::find_if(s.adding.begin(), s.adding.end(),
                                   [&](const State::Sum& sum) { return sum.gradient == gradient; });
    if (kept != s.adding.end())
        s.adding.splice(s.adding.begin(), s.adding, kept);
    else if (auto done = s.record_sum(gradient); !done)
        return done;
    OptimiserBlock block = s.block_of(rasteriser.count());
    const double pixels = double(rasteriser.image().size()) / (4 * kChannels);
    block.sum[0] = weight;
    block.sum[1] = float(0.5 * std::sqrt(pixels));
    if (auto done = s.device->write(s.block, &block, sizeof block); !done) return done;
    if (auto done = s.adding.front().list.run(); !done) return done;
    s.begun = true;
    return {};
}

Result<void> Optimiser::step(const Rasteriser& rasteriser) {
    State& s = *state_;
    ensure(s.begun, "step() follows add()");
    ensure(rasteriser.sections() == s.sections, "a rasteriser of the optimiser's sections");
    if (!s.stepping || !(s.stepped == rasteriser.parameters()))
        if (auto done = s.record_step(rasteriser.parameters()); !done) return done;
    const OptimiserBlock block = s.block_of(rasteriser.count());
    if (auto done = s.device->write(s.block, &block, sizeof block); !done) return done;
    if (auto done = s.stepping->run(); !done) return done;
    s.steps++;
    s.begun = false;
    return {};
}

uint32_t Optimiser::steps() const { return state_->steps; }
float Optimiser::means_rate() const { return state_->block_of(1).rates[0]; }
const OptimiserOptions& Optimiser::options() const { return state_->options; }

Result<Optimiser::Memory> Optimiser::read(size_t count) const {
    const State& s = *state_;
    Memory memory;
    memory.steps = s.steps;
    std::vector<float> values(s.sections.end());
    for (auto [buffer, to] : {std::pair{&s.first, &memory.first}, {&s.second, &memory.second}}) {
        if (auto done = s.device->read(*buffer, values.data(), values.size() * 4); !done)
            return done.error();
        *to = unpack(values, s.sections, count);
    }
    values.resize(2 * s.sections.capacity);
    if (auto done = s.device->read(s.statistics, values.data(), values.size() * 4); !done)
        return done.error();
    const auto half = values.begin() + int64_t(s.sections.capacity);
    memory.lengths.assign(values.begin(), values.begin() + int64_t(count));
    memory.pictures.assign(half, half + int64_t(count));
    return memory;
}

Result<void> Optimiser::write(const Memory& memory) {
    State& s = *state_;
    const size_t n = memory.first.size();
    if (n > s.sections.capacity || memory.second.size() != n || memory.lengths.size() != n ||
        memory.pictures.size() != n || !consistent(memory.first) || !consistent(memory.second))
        return Error{Status::usage, "splats: moments whose arrays do not fit their splats"};
    for (auto [buffer, from] : {std::pair{&s.first, &memory.first}, {&s.second, &memory.second}}) {
        const std::vector<float> values = pack(*from, s.sections);
        if (auto done = s.device->write(*buffer, values.data(), values.size() * 4); !done)
            return done;
    }
    std::vector<float> values(2 * s.sections.capacity);
    std::copy(memory.lengths.begin(), memory.lengths.end(), values.begin());
    std::copy(memory.pictures.begin(), memory.pictures.end(),
              values.begin() + int64_t(s.sections.capacity));
    s.steps = memory.steps;
    s.begun = false;
    return s.device->write(s.statistics, values.data(), values.size() * 4);
}

Result<void> Optimiser::forget_lengths() { return state_->clear(state_->statistics); }

}   // namespace kiln
