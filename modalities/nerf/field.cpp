#include "modalities/nerf/field.h"

#include <cmath>

#include "kernels/nerf_adam.h"
#include "modalities/splat/raster/launch_list.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

constexpr uint32_t kLocal = 128;

// As in shaders/nerf/nerf_adam.comp.
struct AdamBlock {
    float moments[4], corrections[4];
};

}   // namespace

struct RadianceField::State {
    std::shared_ptr<Device> device;
    FieldOptions options;
    AdamOptions adam;
    FieldLayout layout;
    LaunchList stepping;
    uint32_t steps = 0;
    Buffer block, parameters, gradient, first, second;

    Result<void> allocate();
    Result<void> record();
    Result<std::vector<float>> read(const Buffer& buffer) const;
    Result<void> fitting(const std::vector<float>& values) const;
    Result<void> write(const Buffer& buffer, const std::vector<float>& values) const;
};

Result<void> RadianceField::State::allocate() {
    const uint64_t bytes = layout.end() * 4;
    if (bytes > device->caps().binding_range)
        return Error{Status::out_of_memory, "a radiance field of " + std::to_string(layout.end()) +
                                                " values: more than a kernel here can bind"};
    const std::vector<float> zeros(layout.end());
    for (Buffer* buffer : {&parameters, &gradient, &first, &second}) {
        auto made = device->allocate(bytes, Intent::device);
        if (!made) return made.error();
        *buffer = *made;
        if (auto done = device->write(*buffer, zeros.data(), bytes); !done) return done;
    }
    auto made = device->allocate(sizeof(AdamBlock), Intent::upload);
    if (!made) return made.error();
    block = *made;
    const std::vector<float> values = layout.initial(options.seed);
    return device->write(parameters, values.data(), bytes);
}

Result<void> RadianceField::State::record() {
    stepping.add(kernels::nerf_adam::launch(
        kernels::nerf_adam::Variant::main,
        {.block = stepping.operand(block),
         .gradient = stepping.operand(gradient),
         .first = stepping.operand(first),
         .second = stepping.operand(second),
         .parameters = stepping.operand(parameters)},
        {.entries = uint32_t(layout.density() / 4), .end = uint32_t(layout.end() / 4)},
        fold(device->caps(), div_up(int64_t(layout.end() / 4), kLocal))));
    return stepping.record();
}

Result<RadianceField> RadianceField::create(std::shared_ptr<Device> device,
                                            const FieldOptions& options, const AdamOptions& adam) {
    if (const std::string flaw = flaw_of(options); !flaw.empty())
        return Error{Status::usage, "radiance field: " + flaw};
    LaunchList list(device);
    auto state = std::make_unique<State>(
        State{device, options, adam, FieldLayout(options), std::move(list), 0, {}, {}, {}, {}, {}});
    if (auto done = state->allocate(); !done) return done.error();
    if (auto done = state->record(); !done) return done.error();
    return RadianceField(std::move(state));
}

RadianceField::RadianceField(std::unique_ptr<State> state) : state_(std::move(state)) {}
RadianceField::RadianceField(RadianceField&&) noexcept = default;
RadianceField& RadianceField::operator=(RadianceField&&) noexcept = default;
RadianceField::~RadianceField() = default;

const FieldOptions& RadianceField::options() const { return state_->options; }
const FieldLayout& RadianceField::layout() const { return state_->layout; }
std::shared_ptr<Device> RadianceField::device() const { return state_->device; }
Buffer RadianceField::parameters() const { return state_->parameters; }
Buffer RadianceField::gradient() const { return state_->gradient; }
uint32_t RadianceField::steps() const { return state_->steps; }

Result<void> RadianceField::step(float rate, float weight) {
    State& s = *state_;
    const double t = double(s.steps) + 1;
    const AdamOptions& a = s.adam;
    const AdamBlock block{
        {a.beta1, a.beta2, a.epsilon, rate},
        {float(1 / (1 - std::pow(double(a.beta1), t))),
         float(1 / std::sqrt(1 - std::pow(double(a.beta2), t))), a.decay, weight}};
    if (auto done = s.device->write(s.block, &block, sizeof block); !done) return done;
    if (auto done = s.stepping.run(); !done) return done;
    s.steps++;
    return {};
}

Result<std::vector<float>> RadianceField::State::read(const Buffer& buffer) const {
    std::vector<float> values(layout.end());
    if (auto done = device->read(buffer, values.data(), values.size() * 4); !done)
        return done.error();
    return values;
}

Result<void> RadianceField::State::fitting(const std::vector<float>& values) const {
    if (values.size() == layout.end()) return {};
    return Error{Status::usage, "radiance field: " + std::to_string(values.size()) +
                                    " values instead of " + std::to_string(layout.end())};
}

Result<void> RadianceField::State::write(const Buffer& buffer,
                                         const std::vector<float>& values) const {
    if (auto done = fitting(values); !done) return done;
    return device->write(buffer, values.data(), values.size() * 4);
}

Result<std::vector<float>> RadianceField::read() const { return state_->read(state_->parameters); }

Result<void> RadianceField::write(const std::vector<float>& values) {
    return state_->write(state_->parameters, values);
}

Result<FieldState> RadianceField::state() const {
    FieldState now{.steps = steps(), .parameters = {}, .first = {}, .second = {}};
    for (const auto& [values, buffer] : {std::pair{&now.parameters, &state_->parameters},
                                         {&now.first, &state_->first},
                                         {&now.second, &state_->second}}) {
        auto read = state_->read(*buffer);
        if (!read) return read.error();
        *values = std::move(*read);
    }
    return now;
}

Result<void> RadianceField::restore(const FieldState& state) {
    for (const auto* values : {&state.first, &state.second, &state.parameters})
        if (auto done = state_->fitting(*values); !done) return done;
    for (const auto& [values, buffer] : {std::pair{&state.first, &state_->first},
                                         {&state.second, &state_->second},
                                         {&state.parameters, &state_->parameters}})
        if (auto done = state_->write(*buffer, *values); !done) return done;
    state_->steps = state.steps;
    return {};
}

}   // namespace kiln
