// UniPC: Zhao et al., "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of
// Diffusion Models", 2023, algorithms 7 and 8 (data prediction), with B(h) = h (bh1) or e^h - 1
// (bh2).
#include <algorithm>
#include <array>

#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

constexpr int kMaxOrder = 3;
using Row = std::array<double, kMaxOrder>;

// Solves the first n equations of rows . x = right by elimination with pivoting.
Row solve(std::array<Row, kMaxOrder> rows, Row right, int n) {
    for (int k = 0; k < n; ++k) {
        int pivot = k;
        for (int r = k + 1; r < n; ++r)
            if (std::fabs(rows[r][k]) > std::fabs(rows[pivot][k])) pivot = r;
        std::swap(rows[k], rows[pivot]);
        std::swap(right[k], right[pivot]);
        for (int r = 0; r < n; ++r) {
            if (r == k) continue;
            const double factor = rows[r][k] / rows[k][k];
            for (int c = k; c < n; ++c) rows[r][c] -= factor * rows[k][c];
            right[r] -= factor * right[k];
        }
    }
    for (int k = 0; k < n; ++k) right[k] /= rows[k][k];
    return right;
}

class UniPc final : public Sampler {
public:
    using Sampler::Sampler;

private:
    // A step from point `from` of the path to the next, with the order - 1 estimates before it.
    // With `landing` (the estimate of x0 where the step lands) the corrector, without it the
    // predictor.
    Latent solve_step(int from, int order, const Latent& x, const Latent* landing) const {
        const Level here = level(sigma(from)), there = level(sigma(from + 1));
        const double start = half_log_snr(sigma(from));
        const double h = -(half_log_snr(sigma(from + 1)) - start);
        const double phi1 = std::expm1(h);
        const double b_h = config().solver_type == "bh1" ? h : phi1;

        std::array<Row, kMaxOrder> powers{};
        Row ratios{}, right{};
        for (int k = 0; k + 1 < order; ++k)
            ratios[k] = (half_log_snr(sigma(from - 1 - k)) - start) / -h;
        ratios[order - 1] = 1;
        double phi = phi1 / h - 1, factorial = 1;
        for (int k = 0; k < order; ++k) {
            for (int c = 0; c < order; ++c) powers[k][c] = std::pow(ratios[c], k);
            right[k] = phi * factorial / b_h;
            factorial *= k + 2;
            phi = phi / h - 1 / factorial;
        }
        Row rho{};
        if (landing)
            rho = order == 1 ? Row{0.5} : solve(powers, right, order);
        else if (order == 2)
            rho = Row{0.5};
        else if (order > 2)
            rho = solve(powers, right, order - 1);

        const Latent& x0 = estimates_.back();
        const double scale = -there.alpha * b_h;
        Latent result = sum({{there.sigma / here.sigma, x}, {-there.alpha * phi1, x0}});
        for (int k = 0; k + 1 < order; ++k) {
            const double weight = scale * rho[k] / ratios[k];
            const Latent& before = estimates_[estimates_.size() - 2 - k];
            result = sum({{1, result}, {weight, before}, {-weight, x0}});
        }
        if (landing) {
            const double weight = scale * rho[order - 1];
            result = sum({{1, result}, {weight, *landing}, {-weight, x0}});
        }
        return result;
    }

    void advance(int i, Latent& x) override {
        const Latent x0 = denoise(x, i);
        const auto& disabled = config().disable_corrector;
        const bool correct = std::find(disabled.begin(), disabled.end(), i - 1) == disabled.end();
        if (correct && !start_.empty()) x = solve_step(i - 1, order_, start_, &x0);

        estimates_.push_back(x0);
        if (estimates_.size() > kMaxOrder) estimates_.erase(estimates_.begin());
        const int most = config().solver_order;
        order_ = config().lower_order_final ? std::min(most, count() - i) : most;
        order_ = sigma(i + 1) == 0 ? 1 : std::min(order_, ++known_);
        start_ = x;
        x = solve_step(i, order_, x, nullptr);
    }

    std::vector<Latent> estimates_;   // of x0, the latest last
    Latent start_;                    // x where the last step began, corrected
    int order_ = 0, known_ = 0;
};

}   // namespace

std::unique_ptr<Sampler> make_unipc(SamplerSetup setup) {
    return std::make_unique<UniPc>(std::move(setup));
}

}   // namespace kiln
