// Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", 2020, equations 6 and 7.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Ddpm final : public Sampler {
public:
    using Sampler::Sampler;

private:
    void advance(int i, Latent& x) override {
        const double here = alpha_bar(timestep(i));
        const double there = i + 1 < count() ? alpha_bar(timestep(i + 1)) : 1;
        const double alpha = here / there, beta = 1 - alpha;
        const Latent x0 = denoise(x, i);

        const double to_x0 = std::sqrt(there) * beta / (1 - here);
        const double to_x = std::sqrt(alpha) * (1 - there) / (1 - here);
        if (timestep(i) <= 0) {
            x = sum({{to_x0, x0}, {to_x, x}});
            return;
        }
        const bool large = config().variance_type == Variance::fixed_large ||
                           config().variance_type == Variance::fixed_large_log;
        const double small = std::max((1 - there) / (1 - here) * beta, 1e-20);
        x = sum({{to_x0, x0}, {to_x, x}, {std::sqrt(large ? beta : small), draw(x)}});
    }
};

}   // namespace

std::unique_ptr<Sampler> make_ddpm(SamplerSetup setup) {
    return std::make_unique<Ddpm>(std::move(setup));
}

}   // namespace kiln
