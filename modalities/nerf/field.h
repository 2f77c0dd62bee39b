// A radiance field on the device: its parameters, their gradient, and how they follow it.
// Source: modalities/nerf/layout.h; Kingma, Ba. Adam: A Method for Stochastic Optimization. 2015,
// algorithm 1.
#pragma once
#include <memory>
#include <vector>

#include "modalities/nerf/layout.h"
#include "runtime/vk/device.h"

namespace kiln {

struct AdamOptions {
    float beta1 = 0.9f, beta2 = 0.99f, epsilon = 1e-15f;
    float decay = 1e-6f;   // of the perceptrons' weights: this times each is added to its gradient
};

class RadianceField {
public:
    // Status::usage for options with a flaw.
    static Result<RadianceField> create(std::shared_ptr<Device> device, const FieldOptions& options,
                                        const AdamOptions& adam = {});
    RadianceField(RadianceField&&) noexcept;
    RadianceField& operator=(RadianceField&&) noexcept;
    ~RadianceField();

    const FieldOptions& options() const;
    const FieldLayout& layout() const;
    std::shared_ptr<Device> device() const;
    // f32 [layout().end()]. Whoever differentiates adds to the gradient, which begins as 0.
    Buffer parameters() const;
    Buffer gradient() const;

    // Moves the parameters along `weight` times the gradient, which is 0 then. What is finite stays
    // finite: where the gradient is not a number below 1e18 nothing moves.
    Result<void> step(float rate, float weight = 1);
    uint32_t steps() const;

    Result<std::vector<float>> read() const;
    Result<void> write(const std::vector<float>& values);   // Status::usage for another number
    Result<FieldState> state() const;
    Result<void> restore(const FieldState& state);   // Status::usage for another number of values

private:
    struct State;
    explicit RadianceField(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
