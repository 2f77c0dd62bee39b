// Midpoint method in log sigma: k-diffusion, sample_dpm_2, after Karras et al., "Elucidating the
// Design Space of Diffusion-Based Generative Models", 2022, algorithm 2, and DPM-Solver-2.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Dpm2 final : public TwoCallSampler {
public:
    using TwoCallSampler::TwoCallSampler;

private:
    void advance(int i, Latent& x) override {
        const double here = sigma(i), there = sigma(i + 1);
        const Latent x0 = denoise(x, i);
        if (there == 0) {
            x = x0;
            return;
        }
        const double middle = std::sqrt(here * there);
        const Latent halfway = sum({{middle / here, x}, {1 - middle / here, x0}});
        const Latent x0_middle = denoise(halfway, middle, timestep_at(middle));
        const double step = (there - here) / middle;
        x = sum({{1, x}, {step, halfway}, {-step, x0_middle}});
    }
};

}   // namespace

std::unique_ptr<Sampler> make_dpm2(SamplerSetup setup) {
    return std::make_unique<Dpm2>(std::move(setup));
}

}   // namespace kiln
