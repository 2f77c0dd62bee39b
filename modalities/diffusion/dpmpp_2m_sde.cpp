// SDE-DPM-Solver++(2M): Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion
// Probabilistic Models", 2022, section 5; noise is drawn every step, also where its weight is zero,
// and for levels without timesteps along a Brownian path.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Dpmpp2mSde final : public Sampler {
public:
    using Sampler::Sampler;

private:
    void advance(int i, Latent& x) override {
        const Latent x0 = denoise(x, i);
        const Latent z = config().cosine ? draw_between(x, sigma(i), sigma(i + 1)) : draw(x);
        const Level here = level(sigma(i)), there = level(sigma(i + 1));
        const double step = half_log_snr(sigma(i + 1)) - half_log_snr(sigma(i));
        const double drift = -there.alpha * std::expm1(-2 * step);
        const double ratio = there.sigma / here.sigma * std::exp(-step);
        const double noise = there.sigma * std::sqrt(-std::expm1(-2 * step));

        const bool few = count() < 15;
        const bool first_order =
            before_.empty() || sigma(i + 1) == 0 || config().solver_order == 1 ||
            (i == count() - 1 && (config().euler_at_final || (config().lower_order_final && few)));
        if (first_order) {
            x = sum({{ratio, x}, {drift, x0}, {noise, z}});
        } else {
            const double last = half_log_snr(sigma(i)) - half_log_snr(sigma(i - 1));
            const double heun = there.alpha * (std::expm1(-2 * step) / (2 * step) + 1);
            const double slope = (config().solver_type == "heun" ? heun : drift / 2) * step / last;
            x = sum({{ratio, x}, {drift + slope, x0}, {-slope, before_}, {noise, z}});
        }
        before_ = x0;
    }

    Latent before_;
};

}   // namespace

std::unique_ptr<Sampler> make_dpmpp_2m_sde(SamplerSetup setup) {
    return std::make_unique<Dpmpp2mSde>(std::move(setup));
}

}   // namespace kiln
