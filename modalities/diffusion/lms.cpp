// Linear multistep (Adams-Bashforth on the uneven grid of sigma) of the probability-flow ODE, up to
// fourth order: k-diffusion, sample_lms.
#include <algorithm>

#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Lms final : public Sampler {
public:
    using Sampler::Sampler;

private:
    // Integral over the step from point i of the Lagrange basis polynomial that is one at point i -
    // j and zero at the other last `order` points; two-point Gauss-Legendre is exact for cubics.
    double coefficient(int i, int j, int order) const {
        const double middle = 0.5 * (sigma(i + 1) + sigma(i));
        const double half = 0.5 * (sigma(i + 1) - sigma(i));
        double integral = 0;
        for (double node : {-1 / std::sqrt(3.0), 1 / std::sqrt(3.0)}) {
            double value = half;
            for (int k = 0; k < order; ++k)
                if (k != j)
                    value *= (middle + half * node - sigma(i - k)) / (sigma(i - j) - sigma(i - k));
            integral += value;
        }
        return integral;
    }

    void advance(int i, Latent& x) override {
        const Latent x0 = denoise(x, i);
        slopes_.insert(slopes_.begin(), sum({{1 / sigma(i), x}, {-1 / sigma(i), x0}}));
        if (slopes_.size() > 4) slopes_.pop_back();
        const int order = int(slopes_.size());
        for (int j = 0; j < order; ++j) x = sum({{1, x}, {coefficient(i, j, order), slopes_[j]}});
    }

    std::vector<Latent> slopes_;   // the latest first
};

}   // namespace

std::unique_ptr<Sampler> make_lms(SamplerSetup setup) {
    return std::make_unique<Lms>(std::move(setup));
}

}   // namespace kiln
