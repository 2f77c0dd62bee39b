// The denoising loop that every modality's pipeline runs: from the latent of the first step to x0,
// with guidance, progress, preview and cancel. What differs (networks, conditions, decoding) stays
// outside.
#pragma once
#include <functional>
#include <span>

#include "modalities/diffusion/guidance.h"
#include "modalities/diffusion/sampler.h"

namespace kiln {

// One evaluation of the network on n samples of the latent, row-major, scaled already. Where both
// predictions are wanted the callee may run them as one batch or in two passes.
struct NetworkCall {
    std::span<const float> input;   // the same for both conditions
    double timestep;
    bool guided;    // both predictions are wanted
    double to_go;   // Sampler::progress_to_go() of the step, for staged conditions
};
struct NetworkOutput {
    Latent conditional;
    Latent unconditional;   // empty unless NetworkCall::guided
};
using Network = std::function<Result<NetworkOutput>(const NetworkCall&)>;

struct LoopEvent {
    int step;   // finished steps, from 1
    int steps;
    const Latent& denoised;   // the current estimate of x0: a preview
};

struct LoopHooks {
    std::function<bool()> cancelled;                      // asked before every call of the network
    std::function<void(const LoopEvent&)> progress;       // after every step
    std::function<void(const Sampler&, Latent&)> blend;   // after a step, before progress
};

// Runs the sampler to its end and leaves x0 in `x`. Errors: Status::interrupted when cancelled,
// Status::not_finite (naming the step) when a prediction or the latent holds NaN or infinity, and
// whatever the network returns.
Result<void> run_denoising(Sampler& sampler, Latent& x, const Guidance& guidance, int samples,
                           const Network& network, const LoopHooks& hooks = {});

}   // namespace kiln
