// Euler's method on the probability-flow ODE: Karras et al., "Elucidating the Design Space of
// Diffusion-Based Generative Models", 2022, algorithm 2 without churn; on a flow, Liu et al., "Flow
// Straight and Fast", 2023.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Euler final : public Sampler {
public:
    using Sampler::Sampler;

private:
    void advance(int i, Latent& x) override {
        const double ratio = sigma(i + 1) / sigma(i);
        const Latent x0 = denoise(x, i);
        if (is_flow() && config().stochastic_sampling)
            x = sum({{1 - sigma(i + 1), x0}, {sigma(i + 1), draw(x)}});
        else
            x = sum({{ratio, x}, {1 - ratio, x0}});
    }
};

}   // namespace

std::unique_ptr<Sampler> make_euler(SamplerSetup setup) {
    return std::make_unique<Euler>(std::move(setup));
}

}   // namespace kiln
