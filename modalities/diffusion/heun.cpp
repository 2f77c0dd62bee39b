// Heun's method on the probability-flow ODE: Karras et al., "Elucidating the Design Space of
// Diffusion-Based Generative Models", 2022, algorithm 1.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Heun final : public TwoCallSampler {
public:
    using TwoCallSampler::TwoCallSampler;

private:
    void advance(int i, Latent& x) override {
        const double here = sigma(i), there = sigma(i + 1);
        const Latent x0 = denoise(x, i);
        const Latent slope = sum({{1 / here, x}, {-1 / here, x0}});
        Latent end = sum({{1, x}, {there - here, slope}});
        if (there > 0) {
            const Latent x0_end = denoise(end, i + 1);
            const double half = 0.5 * (there - here);
            end = sum({{1, x}, {half, slope}, {half / there, end}, {-half / there, x0_end}});
        }
        x = std::move(end);
    }
};

}   // namespace

std::unique_ptr<Sampler> make_heun(SamplerSetup setup) {
    return std::make_unique<Heun>(std::move(setup));
}

}   // namespace kiln
