#include "modalities/diffusion/latent.h"

#include <algorithm>
#include <cmath>

namespace kiln {
namespace {

bool all_finite(std::span<const float> values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

Error not_finite(const char* what, const Sampler& sampler) {
    return {Status::not_finite, std::string(what) + " is not finite at step " +
                                    std::to_string(sampler.done() + 1) + " of " +
                                    std::to_string(sampler.steps())};
}

}   // namespace

Result<void> run_denoising(Sampler& sampler, Latent& x, const Guidance& guidance, int samples,
                           const Network& network, const LoopHooks& hooks) {
    const Denoiser denoiser = [&](std::span<const float> input, double t) -> Result<Latent> {
        if (hooks.cancelled && hooks.cancelled())
            return Error{Status::interrupted, "cancelled at step " +
                                                  std::to_string(sampler.done() + 1) + " of " +
                                                  std::to_string(sampler.steps())};
        auto output = network({input, t, guidance.active(), sampler.progress_to_go()});
        if (!output) return output.error();
        Latent prediction =
            guidance.active() ? guide(guidance, output->unconditional, output->conditional, samples)
                              : std::move(output->conditional);
        if (!all_finite(prediction)) return not_finite("the network's prediction", sampler);
        return prediction;
    };
    while (!sampler.finished()) {
        const auto stepped = sampler.step(x, denoiser);
        if (!stepped) return stepped.error();
        if (hooks.blend) hooks.blend(sampler, x);
        if (!all_finite(x))
            return Error{Status::not_finite, "the latent is not finite after step " +
                                                 std::to_string(sampler.done()) + " of " +
                                                 std::to_string(sampler.steps())};
        if (hooks.progress) hooks.progress({sampler.done(), sampler.steps(), sampler.denoised()});
    }
    return {};
}

}   // namespace kiln
