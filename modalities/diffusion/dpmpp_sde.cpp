// DPM-Solver++ as a stochastic two-stage solver with Brownian noise: k-diffusion, sample_dpmpp_sde,
// at r = 1/2. Times pass through a float32 logarithm and back, as there: the Brownian tree resolves
// the difference.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

float sigma_of(float t) { return float(std::exp(-double(t))); }
float t_of(double sigma) { return float(-std::log(sigma)); }

class DpmppSde final : public TwoCallSampler {
public:
    using TwoCallSampler::TwoCallSampler;

private:
    void advance(int i, Latent& x) override {
        const Latent x0 = denoise(x, i);
        if (sigma(i + 1) == 0) {
            x = x0;
            return;
        }
        const float t = t_of(sigma(i)), t_next = t_of(sigma(i + 1));
        const float t_middle = t + (t_next - t) * 0.5f;
        const double middle = sigma_of(t_middle);
        const Latent halfway = stage(x, x0, sigma_of(t), middle);
        const Latent x0_middle = denoise(halfway, middle, timestep_at(middle));
        x = stage(x, x0_middle, sigma_of(t), sigma_of(t_next));
    }

    Latent stage(const Latent& x, const Latent& x0, double from, double to) {
        const AncestralSplit split(from, to, eta(1));
        const double ratio = split.down / from;
        return sum({{ratio, x}, {1 - ratio, x0}, {split.up, draw_between(x, from, to)}});
    }
};

}   // namespace

std::unique_ptr<Sampler> make_dpmpp_sde(SamplerSetup setup) {
    return std::make_unique<DpmppSde>(std::move(setup));
}

}   // namespace kiln
