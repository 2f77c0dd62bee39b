#include "modalities/diffusion/sampler.h"

#include <algorithm>
#include <cmath>

namespace kiln {
namespace {

// torch.quantile with linear interpolation.
double quantile(std::vector<float> values, double share) {
    std::sort(values.begin(), values.end());
    const double rank = share * double(values.size() - 1);
    const size_t low = size_t(rank), high = std::min(low + 1, values.size() - 1);
    return values[low] + (rank - double(low)) * (double(values[high]) - values[low]);
}

}   // namespace

Sampler::Sampler(SamplerSetup setup) : setup_(std::move(setup)) {
    replace_timesteps(setup_.path.timesteps);
}

void Sampler::replace_timesteps(std::vector<double> timesteps) {
    const int steps = setup_.request.steps;
    const int run = std::min(int(steps * setup_.request.strength), steps);
    setup_.path.timesteps = std::move(timesteps);
    begin_ = next_ = steps - run;
    end_ = count();
}

double Sampler::timestep() const { return finished() ? 0 : timestep(next_); }

void Sampler::scale_initial_noise(std::span<float> x) const {
    const float scale = float(setup_.path.init_noise_sigma);
    if (scale == 1) return;
    for (float& value : x) value *= scale;
}

void Sampler::add_noise(std::span<const float> x0, std::span<const float> noise,
                        std::span<float> x) const {
    ensure(x0.size() == x.size() && noise.size() == x.size(), "latents of one size");
    Level at{1, 0};
    if (!finished())
        at = setup_.path.on_grid ? grid_level(alpha_bar(timestep(next_))) : level(sigma(next_));
    for (size_t k = 0; k < x.size(); ++k) x[k] = float(at.alpha * x0[k] + at.sigma * noise[k]);
}

Result<void> Sampler::step(Latent& x, const Denoiser& denoiser) {
    ensure(!finished(), "a sampler that has steps left");
    denoiser_ = &denoiser;
    try {
        advance(next_, x);
    } catch (const ResultError& failure) {
        return failure.error;
    }
    ++next_;
    return {};
}

Level Sampler::grid_level(double alpha_bar) {
    return {std::sqrt(alpha_bar), std::sqrt(1 - alpha_bar)};
}

double Sampler::half_log_snr(double sigma) const {
    return is_flow() ? std::log(1 - sigma) - std::log(sigma) : -std::log(sigma);
}

double Sampler::timestep_at(double sigma) const {
    if (is_flow()) return sigma * schedule().size();
    if (config().cosine) return angle_of(sigma);
    return schedule().timestep_of(sigma);
}

double Sampler::landing_timestep(int i) const {
    if (setup_.path.table_spacing) return timestep(i) - schedule().size() / setup_.request.steps;
    return i + 1 < count() ? timestep(i + 1) : -1;
}

Latent Sampler::predict(const Latent& x, Level level, double timestep) {
    Result<Latent> output = Latent();
    if (setup_.path.space == Space::variance_exploding) {
        output = (*denoiser_)(sum({{1 / std::sqrt(1 + level.sigma * level.sigma), x}}), timestep);
    } else {
        output = (*denoiser_)(x, timestep);
    }
    Latent prediction = take(std::move(output));
    ensure(prediction.size() == x.size(), "a prediction of the latent's size");
    return prediction;
}

Latent Sampler::to_x0(const Latent& x, const Latent& prediction, Level level) {
    const double length = std::hypot(level.alpha, level.sigma);
    Latent x0;
    switch (setup_.config.prediction) {
        case Prediction::epsilon:
            x0 = sum({{1 / level.alpha, x}, {-level.sigma / level.alpha, prediction}});
            break;
        case Prediction::v:
            x0 = sum({{level.alpha / (length * length), x}, {-level.sigma / length, prediction}});
            break;
        case Prediction::sample: x0 = prediction; break;
        case Prediction::flow: x0 = sum({{1, x}, {-level.sigma, prediction}}); break;
    }
    clip(x0);
    denoised_ = x0;
    return x0;
}

Latent Sampler::to_noise(const Latent& x, const Latent& prediction, Level level) const {
    switch (setup_.config.prediction) {
        case Prediction::v: return sum({{level.alpha, prediction}, {level.sigma, x}});
        case Prediction::sample:
            return sum({{1 / level.sigma, x}, {-level.alpha / level.sigma, prediction}});
        case Prediction::flow: return sum({{1, x}, {1 - level.sigma, prediction}});
        case Prediction::epsilon: break;
    }
    return prediction;
}

void Sampler::clip(Latent& x0) const {
    const SchedulerConfig& rules = setup_.config;
    if (rules.thresholding) {   // Saharia et al. 2022, section 2.3
        const size_t each = x0.size() / setup_.request.samples;
        for (size_t at = 0; at < x0.size(); at += each) {
            Latent sizes(x0.begin() + at, x0.begin() + at + each);
            for (float& value : sizes) value = std::fabs(value);
            const double largest = std::clamp(quantile(sizes, rules.dynamic_thresholding_ratio),
                                              1.0, rules.sample_max_value);
            for (size_t k = at; k < at + each; ++k)
                x0[k] = float(std::clamp(double(x0[k]), -largest, largest) / largest);
        }
    } else if (rules.clip_sample.value_or(false)) {
        const float range = float(rules.clip_sample_range);
        for (float& value : x0) value = std::clamp(value, -range, range);
    }
}

Latent Sampler::denoise(const Latent& x, double sigma, double timestep) {
    const Level at = level(sigma);
    return to_x0(x, predict(x, at, timestep), at);
}

Latent Sampler::denoise(const Latent& x, int i) {
    if (!setup_.path.on_grid) return denoise(x, sigma(i), timestep(i));
    const Level at = grid_level(alpha_bar(timestep(i)));
    return to_x0(x, predict(x, at, timestep(i)), at);
}

Latent Sampler::draw(const Latent& like) {
    Latent z(like.size());
    setup_.noise->fill(z);
    return z;
}

Latent Sampler::draw_between(const Latent& like, double from, double to) {
    if (!tree_) {
        const auto& sigmas = setup_.path.sigmas;
        double low = sigmas.front(), high = sigmas.front();
        for (double sigma : sigmas) {
            if (sigma > 0) low = std::min(low, sigma);
            high = std::max(high, sigma);
        }
        // The path's ends are these but for float32, and a path resolves the difference.
        if (config().cosine) low = *config().sigma_min, high = *config().sigma_max;
        tree_.emplace(low, high, like.size(), setup_.request.seeds);
    }
    Latent z(like.size());
    tree_->noise(from, to, z);
    return z;
}

Latent Sampler::sum(std::initializer_list<Term> terms) {
    Latent total(terms.begin()->value.size());
    std::vector<double> exact(total.size(), 0.0);
    for (const Term& term : terms) {
        if (term.weight == 0) continue;
        for (size_t k = 0; k < exact.size(); ++k) exact[k] += term.weight * term.value[k];
    }
    for (size_t k = 0; k < total.size(); ++k) total[k] = float(exact[k]);
    return total;
}

}   // namespace kiln
