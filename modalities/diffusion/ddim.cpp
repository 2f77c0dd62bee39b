// Song, Meng and Ermon, "Denoising Diffusion Implicit Models", 2021, equation 12.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Ddim final : public Sampler {
public:
    using Sampler::Sampler;

private:
    void advance(int i, Latent& x) override {
        const double here = alpha_bar(timestep(i));
        const double there = alpha_bar(landing_timestep(i));
        const Level level = grid_level(here);
        const Latent prediction = predict(x, level, timestep(i));
        const Latent x0 = to_x0(x, prediction, level);
        const Latent noise = to_noise(x, prediction, level);

        const double variance = (1 - there) / (1 - here) * (1 - here / there);
        const double deviation = eta(0) * std::sqrt(std::max(variance, 0.0));
        const double direction = std::sqrt(std::max(1 - there - deviation * deviation, 0.0));
        if (eta(0) > 0)
            x = sum({{std::sqrt(there), x0}, {direction, noise}, {deviation, draw(x)}});
        else
            x = sum({{std::sqrt(there), x0}, {direction, noise}});
    }
};

}   // namespace

std::unique_ptr<Sampler> make_ddim(SamplerSetup setup) {
    return std::make_unique<Ddim>(std::move(setup));
}

}   // namespace kiln
