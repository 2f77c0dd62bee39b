// DPM-Solver++(2S) with ancestral noise: Lu et al., "DPM-Solver++", 2022, algorithm 1, as in
// k-diffusion, sample_dpmpp_2s_ancestral.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Dpmpp2sAncestral final : public TwoCallSampler {
public:
    using TwoCallSampler::TwoCallSampler;

private:
    void advance(int i, Latent& x) override {
        const double here = sigma(i), there = sigma(i + 1);
        const AncestralSplit split(here, there, eta(1));
        const Latent x0 = denoise(x, i);
        if (split.down == 0) {
            x = x0;
        } else {
            const double middle = std::sqrt(here * split.down);
            const Latent halfway = sum({{middle / here, x}, {1 - middle / here, x0}});
            const Latent x0_middle = denoise(halfway, middle, timestep_at(middle));
            const double ratio = split.down / here;
            x = sum({{ratio, x}, {1 - ratio, x0_middle}});
        }
        if (there > 0) x = sum({{1, x}, {split.up, draw(x)}});
    }
};

}   // namespace

std::unique_ptr<Sampler> make_dpmpp_2s_a(SamplerSetup setup) {
    return std::make_unique<Dpmpp2sAncestral>(std::move(setup));
}

}   // namespace kiln
