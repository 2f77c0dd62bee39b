// Strategic stochastic sampling: Zheng et al., "Trajectory Consistency Distillation", 2024,
// algorithm 4.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Tcd final : public Sampler {
public:
    using Sampler::Sampler;

private:
    void advance(int i, Latent& x) override {
        const bool last = i + 1 == count();
        const double next = last ? 0 : timestep(i + 1);
        const double between = std::floor(float(1 - eta(0.3)) * float(next));
        const Level here = grid_level(alpha_bar(timestep(i)));
        const Level target = grid_level(alpha_bar(between));
        const Latent prediction = predict(x, here, timestep(i));
        const Latent x0 = to_x0(x, prediction, here);
        const Latent noise = to_noise(x, prediction, here);

        x = sum({{target.alpha, x0}, {target.sigma, noise}});
        if (last || eta(0.3) == 0) return;
        const double keep = alpha_bar(next) / alpha_bar(between);
        x = sum({{std::sqrt(keep), x}, {std::sqrt(1 - keep), draw(x)}});
    }
};

}   // namespace

std::unique_ptr<Sampler> make_tcd(SamplerSetup setup) {
    return std::make_unique<Tcd>(std::move(setup));
}

}   // namespace kiln
