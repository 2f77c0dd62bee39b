// SDE-DPM-Solver++(3M) with Brownian noise: k-diffusion, sample_dpmpp_3m_sde, after Lu et al.,
// "DPM-Solver++", 2022.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Dpmpp3mSde final : public Sampler {
public:
    using Sampler::Sampler;

private:
    void advance(int i, Latent& x) override {
        const double here = sigma(i), there = sigma(i + 1), stochastic = eta(1);
        const Latent x0 = denoise(x, i);
        if (there == 0) {
            x = x0;
            return;
        }
        const double step = std::log(here) - std::log(there);
        const double length = step * (stochastic + 1);
        x = sum({{std::exp(-length), x}, {-std::expm1(-length), x0}});

        const double phi2 = std::expm1(-length) / length + 1;
        const double phi3 = phi2 / length - 0.5;
        if (!before_2_.empty()) {
            const double r0 = step_1_ / step, r1 = step_2_ / step;
            const Latent d0 = sum({{1 / r0, x0}, {-1 / r0, before_}});
            const Latent d1 = sum({{1 / r1, before_}, {-1 / r1, before_2_}});
            const double first = phi2 * r0 / (r0 + r1), second = phi3 / (r0 + r1);
            x = sum({{1, x}, {phi2 + first - second, d0}, {second - first, d1}});
        } else if (!before_.empty()) {
            const double slope = phi2 * step / step_1_;
            x = sum({{1, x}, {slope, x0}, {-slope, before_}});
        }
        if (stochastic > 0) {
            const double noise = there * std::sqrt(-std::expm1(-2 * step * stochastic));
            x = sum({{1, x}, {noise, draw_between(x, here, there)}});
        }
        before_2_ = std::exchange(before_, x0);
        step_2_ = std::exchange(step_1_, step);
    }

    Latent before_, before_2_;
    double step_1_ = 0, step_2_ = 0;
};

}   // namespace

std::unique_ptr<Sampler> make_dpmpp_3m_sde(SamplerSetup setup) {
    return std::make_unique<Dpmpp3mSde>(std::move(setup));
}

}   // namespace kiln
