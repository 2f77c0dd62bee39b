// Training schedules of Ho et al., "Denoising Diffusion Probabilistic Models", 2020 (linear),
// Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022
// (scaled_linear), Nichol and Dhariwal, "Improved Denoising Diffusion Probabilistic Models", 2021
// (squaredcos_cap_v2), and the rescaling of Lin et al., "Common Diffusion Noise Schedules and
// Sample Steps are Flawed", 2024.
#include "modalities/diffusion/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kiln {
namespace {

using Table = std::vector<float>;

Table linspace(double first, double last, int count) {
    const float start = float(first), end = float(last);
    const float step = count > 1 ? (end - start) / float(count - 1) : 0;
    Table table(count);
    for (int i = 0; i < count; ++i)
        table[i] = i < count / 2 ? std::fma(step, float(i), start)
                                 : std::fma(-step, float(count - i - 1), end);
    if (count == 1) table[0] = start;
    return table;
}

template <class AlphaBar>
Table betas_from(AlphaBar alpha_bar, int count) {
    Table betas(count);
    for (int i = 0; i < count; ++i) {
        const double ratio = alpha_bar(double(i + 1) / count) / alpha_bar(double(i) / count);
        betas[i] = float(std::min(1 - ratio, 0.999));
    }
    return betas;
}

double cosine_alpha_bar(double t) {
    const double root = std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2);
    return root * root;
}

double laplace_alpha_bar(double t) {
    const double side = std::copysign(1.0, 0.5 - t);
    const double log_snr = -0.5 * side * std::log(1 - 2 * std::fabs(0.5 - t) + 1e-6);
    const double snr = std::exp(log_snr);
    return std::sqrt(snr / (1 + snr));
}

Table make_betas(const SchedulerConfig& config, const ScheduleRules& rules) {
    if (!config.trained_betas.empty())
        return Table(config.trained_betas.begin(), config.trained_betas.end());
    const int count = config.num_train_timesteps;
    const double first = config.beta_start.value_or(rules.beta_start);
    const double last = config.beta_end.value_or(rules.beta_end);
    switch (config.beta_schedule.value_or(rules.beta_schedule)) {
        case BetaSchedule::linear: return linspace(first, last, count);
        case BetaSchedule::scaled_linear: {
            Table betas = linspace(std::sqrt(first), std::sqrt(last), count);
            for (float& beta : betas) beta *= beta;
            return betas;
        }
        case BetaSchedule::squaredcos_cap_v2: return betas_from(cosine_alpha_bar, count);
        case BetaSchedule::laplace: return betas_from(laplace_alpha_bar, count);
        case BetaSchedule::exponential:
            return betas_from([](double t) { return std::exp(t * -12.0); }, count);
        case BetaSchedule::sigmoid: {
            Table betas = linspace(-6, 6, count);
            for (float& beta : betas)
                beta = 1 / (1 + std::exp(-beta)) * float(last - first) + float(first);
            return betas;
        }
    }
    return {};
}

// torch.cumprod accumulates float32 in double and stores each product rounded.
Table cumulative_product(const Table& betas) {
    Table products(betas.size());
    double product = 1;
    for (size_t i = 0; i < betas.size(); ++i) products[i] = float(product *= 1.0f - betas[i]);
    return products;
}

// Shifts and scales sqrt(alpha_bar) so that the last is zero and the first stays (algorithm 1).
Table rescale_to_zero_snr(const Table& betas) {
    Table root = cumulative_product(betas);
    for (float& value : root) value = std::sqrt(value);
    const float first = root.front(), last = root.back();
    const float scale = first / (first - last);
    Table rescaled(betas.size());
    float before = 1;
    for (size_t i = 0; i < root.size(); ++i) {
        const float shifted = (root[i] - last) * scale;
        const float alpha_bar = shifted * shifted;
        rescaled[i] = 1.0f - (i == 0 ? alpha_bar : alpha_bar / before);
        before = alpha_bar;
    }
    return rescaled;
}

}   // namespace

Result<NoiseSchedule> NoiseSchedule::make(const SchedulerConfig& config,
                                          const ScheduleRules& rules) {
    using Family = ScheduleRules::Family;
    Table betas = make_betas(config, rules);
    for (float beta : betas)
        if (!(beta > 0 && beta < 1))
            return Error{Status::bad_file,
                         "scheduler_config.json: beta_start and beta_end must "
                         "give betas between 0 and 1"};
    if (config.rescale_betas_zero_snr) {
        if (betas.size() < 2)
            return Error{Status::bad_file,
                         "scheduler_config.json: rescale_betas_zero_snr needs "
                         "more than one training timestep"};
        betas = rescale_to_zero_snr(betas);
    }
    NoiseSchedule schedule;
    schedule.alpha_bar_ = cumulative_product(betas);
    constexpr float kInsteadOfZero = 0x1p-24f;
    const bool grid = rules.family == Family::grid || rules.family == Family::distilled;
    if (config.rescale_betas_zero_snr && !grid) schedule.alpha_bar_.back() = kInsteadOfZero;
    for (float exact : schedule.alpha_bar_) {
        const float alpha_bar = exact > 0 ? exact : kInsteadOfZero;
        const float sigma = std::sqrt((1.0f - alpha_bar) / alpha_bar);
        schedule.sigma_.push_back(sigma);
        schedule.log_sigma_.push_back(std::log(sigma));
    }
    const bool to_one = config.set_alpha_to_one.value_or(rules.set_alpha_to_one);
    schedule.final_alpha_bar_ = to_one ? 1.0 : schedule.alpha_bar_.front();
    return schedule;
}

double NoiseSchedule::alpha_bar(int t) const {
    ensure(t < size(), "timestep within the table");
    return t < 0 ? final_alpha_bar_ : double(alpha_bar_[t]);
}
double NoiseSchedule::sigma(int t) const { return sigma_.at(t); }
double NoiseSchedule::log_sigma(int t) const { return log_sigma_.at(t); }

double NoiseSchedule::log_sigma_at(double t) const {
    t = std::clamp(t, 0.0, double(size() - 1));
    const int low = std::min(int(t), std::max(size() - 2, 0));
    const int high = std::min(low + 1, size() - 1);
    return log_sigma_[low] + (t - low) * (double(log_sigma_[high]) - log_sigma_[low]);
}

double NoiseSchedule::alpha_bar_at(double t) const {
    if (t < 0) return final_alpha_bar_;
    if (t == std::floor(t) && t < size()) return alpha_bar_[int(t)];
    const double sigma = std::exp(log_sigma_at(t));
    return 1 / (1 + sigma * sigma);
}

double NoiseSchedule::interpolate_sigma(double t) const {
    t = std::clamp(t, 0.0, double(size() - 1));
    const int low = int(t);
    if (low + 1 >= size()) return sigma_.back();
    return (double(sigma_[low + 1]) - sigma_[low]) * (t - low) + sigma_[low];
}

double NoiseSchedule::timestep_of(double sigma) const {
    if (size() < 2) return 0;
    const double log_sigma = std::log(std::max(sigma, 1e-10));
    const auto above = std::upper_bound(log_sigma_.begin(), log_sigma_.end(), log_sigma);
    const int low = std::clamp(int(above - log_sigma_.begin()) - 1, 0, size() - 2);
    const double from = log_sigma_[low], to = log_sigma_[low + 1];
    const double weight = std::clamp((from - log_sigma) / (from - to), 0.0, 1.0);
    return (1 - weight) * low + weight * (low + 1);
}

Level level_of(Space space, double sigma) {
    switch (space) {
        case Space::variance_exploding: return {1, sigma};
        case Space::flow: return {1 - sigma, sigma};
        case Space::variance_preserving: break;
    }
    const double alpha = 1 / std::sqrt(sigma * sigma + 1);
    return {alpha, sigma * alpha};
}

}   // namespace kiln
