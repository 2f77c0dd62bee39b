// Midpoint method in log sigma with ancestral noise: k-diffusion, sample_dpm_2_ancestral.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Dpm2Ancestral final : public TwoCallSampler {
public:
    using TwoCallSampler::TwoCallSampler;

private:
    void advance(int i, Latent& x) override {
        const double here = sigma(i);
        const AncestralSplit split(here, sigma(i + 1), eta(1));
        const Latent x0 = denoise(x, i);
        if (split.down == 0) {
            x = split.up > 0 ? sum({{1, x0}, {split.up, draw(x)}}) : x0;
            return;
        }
        const double middle = std::sqrt(here * split.down);
        const Latent halfway = sum({{middle / here, x}, {1 - middle / here, x0}});
        const Latent x0_middle = denoise(halfway, middle, timestep_at(middle));
        const double step = (split.down - here) / middle;
        x = sum({{1, x}, {step, halfway}, {-step, x0_middle}, {split.up, draw(x)}});
    }
};

}   // namespace

std::unique_ptr<Sampler> make_dpm2_a(SamplerSetup setup) {
    return std::make_unique<Dpm2Ancestral>(std::move(setup));
}

}   // namespace kiln
