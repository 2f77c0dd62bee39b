#include "modalities/diffusion/distillation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace kiln {
namespace {

double dot(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (size_t k = 0; k < a.size(); k++) sum += a[k] * b[k];
    return sum;
}

Latent mixed(double a, std::span<const float> x, double b, std::span<const float> y) {
    Latent sum(x.size());
    for (size_t k = 0; k < x.size(); k++) sum[k] = float(a * double(x[k]) + b * double(y[k]));
    return sum;
}

Latent noised(std::span<const float> z, std::span<const float> noise, double alpha_bar) {
    return mixed(std::sqrt(alpha_bar), z, std::sqrt(1 - alpha_bar), noise);
}

// A view on its way: where its latent is, and the noise that is in it without text.
struct Path {
    Latent x, noise;
    int at;
};

class Distiller {
public:
    Distiller(Prior& prior, const DistillationOptions& options, std::span<const NoisyView> views)
        : prior_(prior), options_(options), views_(views) {}

    std::vector<Latent> gradients() {
        const bool ism = options_.method == DistillationOptions::Method::ism;
        std::vector<Latent> x, reference;
        if (ism) {
            for (Path& path : inverted()) {
                x.push_back(std::move(path.x));
                reference.push_back(std::move(path.noise));
            }
        } else {
            for (const NoisyView& view : views_)
                x.push_back(noised(view.latent, view.noise, alpha_bar(view.timestep)));
        }
        std::vector<Latent> guided = guided_at(x);
        for (size_t i = 0; i < views_.size(); i++) {
            const std::span<const float> subtracted =
                ism ? std::span<const float>(reference[i]) : views_[i].noise;
            const double w = weight_of(options_.weight, alpha_bar(views_[i].timestep));
            guided[i] = mixed(w, guided[i], -w, subtracted);
            finish(guided[i]);
        }
        return guided;
    }

private:
    double alpha_bar(int timestep) const { return prior_.schedule().alpha_bar(timestep); }

    void finish(Latent& gradient) const {
        for (float& g : gradient) {
            if (!std::isfinite(g))
                throw ResultError({Status::not_finite,
                                   "score distillation: NaN or infinity in "
                                   "the gradient by a latent"});
            if (options_.clamp > 0)
                g = std::clamp(g, -float(options_.clamp), float(options_.clamp));
        }
    }

    // The noise that the network sees in each, without guidance.
    std::vector<Latent> noise(std::span<const Evaluation> evaluations) {
        std::vector<Latent> predicted = take(prior_.predict(evaluations));
        ensure(predicted.size() == evaluations.size(), "a prediction an evaluation");
        for (size_t i = 0; i < predicted.size(); i++)
            predicted[i] = noise_in(prior_.info().prediction, evaluations[i].latent, predicted[i],
                                    alpha_bar(evaluations[i].timestep));
        return predicted;
    }

    std::vector<Latent> guided_at(std::span<const Latent> x) {
        std::vector<Evaluation> evaluations;
        for (size_t i = 0; i < views_.size(); i++) {
            const ViewText& text = views_[i].text;
            evaluations.push_back({x[i], views_[i].timestep, text.unconditional});
            evaluations.push_back({x[i], views_[i].timestep, text.wanted});
            for (const ViewText::Avoided& avoided : text.avoided)
                evaluations.push_back({x[i], views_[i].timestep, avoided.text});
        }
        const std::vector<Latent> predicted = noise(evaluations);
        std::vector<Latent> guided;
        auto next = predicted.begin();
        for (const NoisyView& view : views_) {
            const size_t more = view.text.avoided.size();
            guided.push_back(guided_noise(
                options_.cfg, next[0], next[1],
                std::span(predicted).subspan(size_t(next - predicted.begin()) + 2, more),
                view.text.avoided));
            next += ptrdiff_t(2 + more);
        }
        return guided;
    }

    // From every z to its x_t by DDIM's steps backwards, without text: those of `inversion`
    // timesteps to s, and the interval from there to t.
    std::vector<Path> inverted() {
        std::vector<Path> paths;
        for (const NoisyView& view : views_)
            paths.push_back({noised(view.latent, view.noise, alpha_bar(0)), {}, 0});
        const auto start = [&](size_t i) {
            return std::max(views_[i].timestep - options_.interval, 0);
        };
        for (;;) {
            std::vector<size_t> behind;
            for (size_t i = 0; i < paths.size(); i++)
                if (paths[i].at < start(i)) behind.push_back(i);
            if (behind.empty()) break;
            advance(paths, behind,
                    [&](size_t i) { return std::min(paths[i].at + options_.inversion, start(i)); });
        }
        std::vector<size_t> all(paths.size());
        std::iota(all.begin(), all.end(), size_t(0));
        advance(paths, all, [&](size_t i) { return views_[i].timestep; });
        return paths;
    }

    // DDIM without chance: the same x0 and noise at another level.
    template <class Target>
    void advance(std::vector<Path>& paths, const std::vector<size_t>& which, Target target) {
        std::vector<Evaluation> evaluations;
        for (size_t i : which)
            evaluations.push_back({paths[i].x, paths[i].at, views_[i].text.unconditional});
        std::vector<Latent> found = noise(evaluations);
        for (size_t k = 0; k < which.size(); k++) {
            Path& path = paths[which[k]];
            const int to = target(which[k]);
            const double from = alpha_bar(path.at), level = alpha_bar(to);
            const double scale = std::sqrt(level / from);
            path = {
                mixed(scale, path.x, std::sqrt(1 - level) - scale * std::sqrt(1 - from), found[k]),
                std::move(found[k]), to};
        }
    }

    Prior& prior_;
    const DistillationOptions& options_;
    std::span<const NoisyView> views_;
};

}   // namespace

double weight_of(DistillationWeight weight, double alpha_bar) {
    switch (weight) {
        case DistillationWeight::noise: return 1 - alpha_bar;
        case DistillationWeight::uniform: break;
        case DistillationWeight::middle: return std::sqrt(alpha_bar) * (1 - alpha_bar);
    }
    return 1;
}

TimestepRange TimestepAnnealing::range(double done) const {
    double share = until > 0 ? std::clamp(done / until, 0.0, 1.0) : 1;
    if (square_root) share = std::sqrt(share);
    return {std::lerp(begin.low, end.low, share), std::lerp(begin.high, end.high, share)};
}

int TimestepAnnealing::timestep(double done, double u, int timesteps) const {
    const TimestepRange at = range(done);
    const int low = int(std::lround(at.low * timesteps)),
              high = std::max(int(std::lround(at.high * timesteps)), low);
    return std::clamp(low + int(u * (high - low + 1)), 0, timesteps - 1);
}

Latent noise_in(Prediction prediction, std::span<const float> x, std::span<const float> predicted,
                double alpha_bar) {
    ensure(x.size() == predicted.size(), "a prediction of the latent's size");
    const double alpha = std::sqrt(alpha_bar), sigma = std::sqrt(1 - alpha_bar);
    switch (prediction) {
        case Prediction::v: return mixed(sigma, x, alpha, predicted);
        case Prediction::sample: return mixed(1 / sigma, x, -alpha / sigma, predicted);
        case Prediction::epsilon: break;
        case Prediction::flow: ensure(false, "a prior with the levels of a table");
    }
    return Latent(predicted.begin(), predicted.end());
}

Latent guided_noise(double cfg, std::span<const float> unconditional, std::span<const float> wanted,
                    std::span<const Latent> avoided, std::span<const ViewText::Avoided> weights) {
    const size_t n = unconditional.size();
    std::vector<double> direction(n), sum(n), other(n);
    for (size_t k = 0; k < n; k++)
        sum[k] = direction[k] = double(wanted[k]) - double(unconditional[k]);
    const double square = std::max(dot(direction, direction), 1e-6);
    for (size_t i = 0; i < avoided.size(); i++) {
        for (size_t k = 0; k < n; k++) other[k] = double(avoided[i][k]) - double(unconditional[k]);
        const double along = dot(other, direction) / square;
        for (size_t k = 0; k < n; k++)
            sum[k] += weights[i].weight * (other[k] - along * direction[k]);
    }
    Latent guided(n);
    for (size_t k = 0; k < n; k++) guided[k] = float(unconditional[k] + cfg * sum[k]);
    return guided;
}

Result<std::vector<Latent>> distil(Prior& prior, const DistillationOptions& options,
                                   std::span<const NoisyView> views) {
    for (const NoisyView& view : views)
        ensure(view.latent.size() == prior.info().latent_size() &&
                   view.noise.size() == view.latent.size(),
               "latents and noise of the prior's size");
    ensure(options.inversion > 0 && options.interval > 0, "steps of at least one timestep");
    try {
        return Distiller(prior, options, views).gradients();
    } catch (const ResultError& failure) {
        return failure.error;
    }
}

}   // namespace kiln
