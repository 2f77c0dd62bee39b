// Liu et al., "Pseudo Numerical Methods for Diffusion Models on Manifolds", 2022: linear multistep
// (equation 12) over the transfer of equation 11, started by a repeated timestep, or by Runge-Kutta
// steps (equation 13) where the file does not skip them.
#include <algorithm>

#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

class Pndm final : public Sampler {
public:
    explicit Pndm(SamplerSetup setup) : Sampler(std::move(setup)) {
        std::vector<double> list;
        if (config().skip_prk_steps) {
            for (int i = 0; i < count(); ++i) {
                list.push_back(timestep(i));
                if (i == 1) list.push_back(timestep(i));
            }
        } else {
            list = with_runge_kutta();
        }
        replace_timesteps(std::move(list));
    }

private:
    std::vector<double> with_runge_kutta() {
        if (count() < 4)
            throw ResultError(
                {Status::usage, "pndm with Runge-Kutta steps needs at least 4 steps"});
        half_ = std::floor(schedule().size() / request().steps / 2);
        std::vector<double> list;
        for (int k = 0; k < 3; ++k)
            for (double t :
                 {timestep(k), timestep(k + 1) + half_, timestep(k + 1) + half_, timestep(k + 1)})
                list.push_back(t);
        runge_kutta_calls_ = int(list.size());
        for (int k = 3; k < count(); ++k) list.push_back(timestep(k));
        return list;
    }

    void advance(int i, Latent& x) override {
        const double t = timestep(i);
        const Latent prediction = predict(x, grid_level(alpha_bar(t)), t);
        if (calls_ < runge_kutta_calls_)
            runge_kutta(i, x, prediction);
        else
            multistep(i, x, prediction);
        ++calls_;
    }

    void runge_kutta(int i, Latent& x, const Latent& prediction) {
        const int stage = calls_ % 4;
        const double from = timestep(begin() + calls_ / 4 * 4);
        const double to = timestep(i) - (stage % 2 ? 0 : half_);
        if (stage == 0) {
            history_.push_back(prediction);
            start_ = x;
            slope_ = Latent(x.size(), 0.0f);
        }
        slope_ = sum({{1, slope_}, {stage == 0 || stage == 3 ? 1.0 / 6 : 1.0 / 3, prediction}});
        transfer(x, start_, stage == 3 ? slope_ : prediction, from, to);
    }

    void multistep(int i, Latent& x, const Latent& prediction) {
        double from = timestep(i), to = landing_timestep(i);
        if (calls_ == 1) {   // the first step once more, with the slope at both of its ends
            to = from;
            from = i > 0 && landing_timestep(i - 1) == to ? timestep(i - 1)
                                                          : to + (to - landing_timestep(i));
            transfer(x, start_, sum({{0.5, prediction}, {0.5, history_.back()}}), from, to);
            return;
        }
        if (history_.size() > 3) history_.erase(history_.begin());
        history_.push_back(prediction);
        const auto& e = history_;
        const size_t n = e.size();
        if (calls_ == 0) start_ = x;
        if (n == 1) transfer(x, x, prediction, from, to);
        if (n == 2) transfer(x, x, sum({{1.5, e[1]}, {-0.5, e[0]}}), from, to);
        if (n == 3)
            transfer(x, x, sum({{23. / 12, e[2]}, {-16. / 12, e[1]}, {5. / 12, e[0]}}), from, to);
        if (n == 4)
            transfer(x, x,
                     sum({{55. / 24, e[3]}, {-59. / 24, e[2]}, {37. / 24, e[1]}, {-9. / 24, e[0]}}),
                     from, to);
    }

    void transfer(Latent& x, const Latent& start, const Latent& prediction, double from,
                  double to) {
        const double here = alpha_bar(from), there = alpha_bar(to);
        const Level level = grid_level(here);
        const Latent noise = to_noise(start, prediction, level);
        to_x0(start, prediction, level);
        const double denominator =
            here * std::sqrt(1 - there) + std::sqrt(here * (1 - here) * there);
        x = sum({{std::sqrt(there / here), start}, {-(there - here) / denominator, noise}});
    }

    int calls_ = 0, runge_kutta_calls_ = 0;
    double half_ = 0;
    Latent start_, slope_;
    std::vector<Latent> history_;
};

}   // namespace

std::unique_ptr<Sampler> make_pndm(SamplerSetup setup) {
    return std::make_unique<Pndm>(std::move(setup));
}

}   // namespace kiln
