// The samplers themselves, one file each; sampler.cpp has what they share, registry.cpp their
// names.
#pragma once
#include <cmath>
#include <memory>

#include "modalities/diffusion/sampler.h"

namespace kiln {

std::unique_ptr<Sampler> make_ddim(SamplerSetup setup);
std::unique_ptr<Sampler> make_ddpm(SamplerSetup setup);
std::unique_ptr<Sampler> make_pndm(SamplerSetup setup);
std::unique_ptr<Sampler> make_euler(SamplerSetup setup);
std::unique_ptr<Sampler> make_euler_a(SamplerSetup setup);
std::unique_ptr<Sampler> make_heun(SamplerSetup setup);
std::unique_ptr<Sampler> make_dpm2(SamplerSetup setup);
std::unique_ptr<Sampler> make_dpm2_a(SamplerSetup setup);
std::unique_ptr<Sampler> make_dpmpp_2s_a(SamplerSetup setup);
std::unique_ptr<Sampler> make_dpmpp_2m(SamplerSetup setup);
std::unique_ptr<Sampler> make_dpmpp_2m_sde(SamplerSetup setup);
std::unique_ptr<Sampler> make_dpmpp_3m_sde(SamplerSetup setup);
std::unique_ptr<Sampler> make_dpmpp_sde(SamplerSetup setup);
std::unique_ptr<Sampler> make_unipc(SamplerSetup setup);
std::unique_ptr<Sampler> make_lms(SamplerSetup setup);
std::unique_ptr<Sampler> make_lcm(SamplerSetup setup);
std::unique_ptr<Sampler> make_tcd(SamplerSetup setup);

// A stochastic step from sigma to next: deterministic down to `down`, then `up` of fresh noise,
// where down^2 + up^2 = next^2 (Song et al., "Score-Based Generative Modeling through SDEs", 2021,
// app. F).
struct AncestralSplit {
    double down, up;

    AncestralSplit(double sigma, double next, double eta) {
        const double ratio = next * next / (sigma * sigma);
        const double full = std::sqrt(ratio * (sigma * sigma - next * next));
        up = std::min(next, eta * full);
        down = std::sqrt(next * next - up * up);
    }
};

// Two calls of the network a step, one where the step lands on x0.
class TwoCallSampler : public Sampler {
public:
    using Sampler::Sampler;
    int model_calls() const override { return 2 * steps() - (sigma(count()) == 0 ? 1 : 0); }
};

}   // namespace kiln
