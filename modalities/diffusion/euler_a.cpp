// Euler steps with ancestral noise (k-diffusion, sample_euler_ancestral), and their form on a flow,
// in which the step overshoots, shrinks the signal and refills the noise.
#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class EulerAncestral final : public Sampler {
public:
    using Sampler::Sampler;

private:
    void advance(int i, Latent& x) override {
        const Latent x0 = denoise(x, i);
        if (is_flow()) return advance_flow(i, x, x0);
        const AncestralSplit split(sigma(i), sigma(i + 1), eta(1));
        const double ratio = split.down / sigma(i);
        x = sum({{ratio, x}, {1 - ratio, x0}, {split.up, draw(x)}});
    }

    void advance_flow(int i, Latent& x, const Latent& x0) {
        const double here = sigma(i), there = sigma(i + 1);
        if (there == 0) {
            x = x0;
            return;
        }
        const double down = there * (1 + (there / here - 1) * eta(1));
        const double shrink = (1 - there) / (1 - down);
        const double kept = down * shrink;
        const double refill = std::sqrt(std::max(there * there - kept * kept, 0.0));
        const double ratio = down / here;
        x = sum({{shrink * ratio, x}, {shrink * (1 - ratio), x0}, {refill, draw(x)}});
    }
};

}   // namespace

std::unique_ptr<Sampler> make_euler_a(SamplerSetup setup) {
    return std::make_unique<EulerAncestral>(std::move(setup));
}

}   // namespace kiln
