// Multistep consistency sampling: Luo et al., "Latent Consistency Models", 2023, algorithm 3, with
// the boundary conditions of Song et al., "Consistency Models", 2023, appendix C.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Lcm final : public Sampler {
public:
    using Sampler::Sampler;

private:
    void advance(int i, Latent& x) override {
        constexpr double kDataVariance = 0.25;
        Latent x0 = denoise(x, i);
        if (!is_flow()) {
            const double scaled = timestep(i) * config().timestep_scaling;
            const double norm = scaled * scaled + kDataVariance;
            x0 = sum({{scaled / std::sqrt(norm), x0}, {kDataVariance / norm, x}});
        }
        if (i + 1 == count()) {
            x = x0;
        } else {
            const Level next =
                is_flow() ? level(sigma(i + 1)) : grid_level(alpha_bar(timestep(i + 1)));
            x = sum({{next.alpha, x0}, {next.sigma, draw(x)}});
        }
        keep_preview(std::move(x0));
    }
};

}   // namespace

std::unique_ptr<Sampler> make_lcm(SamplerSetup setup) {
    return std::make_unique<Lcm>(std::move(setup));
}

}   // namespace kiln
