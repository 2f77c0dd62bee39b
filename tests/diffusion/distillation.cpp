// Score distillation with denoisers whose optimum is known, and its formulas against double.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <limits>

#include "modalities/diffusion/distillation.h"
#include "tests/support/matchers.h"

using namespace kiln;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

constexpr int kChannels = 3, kHeight = 5, kWidth = 7;
constexpr size_t kSize = kChannels * kHeight * kWidth;

// The prior whose latents are normal with variance `variance` around what the text says: an
// embedding is that mean. Its denoiser is known in closed form.
class GaussianPrior : public Prior {
public:
    GaussianPrior(Prediction prediction, double variance)
        : variance_(variance), schedule_(take(training_schedule(config()))) {
        info_ = {.channels = kChannels,
                 .height = kHeight,
                 .width = kWidth,
                 .picture_height = kHeight,
                 .picture_width = kWidth,
                 .prediction = prediction};
    }
    static SchedulerConfig config() {
        SchedulerConfig c;
        c.class_name = "DDIMScheduler";
        c.beta_schedule = BetaSchedule::scaled_linear;
        c.beta_start = 0.00085, c.beta_end = 0.012;
        return c;
    }

    const PriorInfo& info() const override { return info_; }
    const NoiseSchedule& schedule() const override { return schedule_; }
    Result<PromptEmbedding> embed(const std::optional<std::string>&) override {
        return PromptEmbedding(kSize);
    }
    PictureEncoder& encoder() override { throw std::logic_error("none"); }
    Result<std::vector<Latent>> predict(std::span<const Evaluation> evaluations) override {
        calls++;
        std::vector<Latent> all;
        for (const Evaluation& e : evaluations) {
            Latent predicted(kSize);
            for (size_t k = 0; k < kSize; k++)
                predicted[k] = float(predict_one(e.latent[k], (*e.text)[k], e.timestep));
            all.push_back(predicted);
        }
        evaluated += int(all.size());
        return all;
    }
    double noise(double x, double mean, int t) const {
        const double a = schedule_.alpha_bar(t);
        return std::sqrt(1 - a) * (x - std::sqrt(a) * mean) / (a * variance_ + 1 - a);
    }

    int calls = 0, evaluated = 0;

private:
    double predict_one(double x, double mean, int t) const {
        const double a = schedule_.alpha_bar(t), alpha = std::sqrt(a), sigma = std::sqrt(1 - a);
        const double e = noise(x, mean, t), x0 = (x - sigma * e) / alpha;
        return info_.prediction == Prediction::v        ? alpha * e - sigma * x0
               : info_.prediction == Prediction::sample ? x0
                                                        : e;
    }
    double variance_;
    NoiseSchedule schedule_;
    PriorInfo info_;
};

Latent random_latent(uint64_t seed) {
    Latent values(kSize);
    TorchGenerator(seed).normal(values);
    return values;
}

// Descends along the gradients of `draws` random steps; where it ends.
Latent optimised(Prior& prior, const DistillationOptions& options, const ViewText& text,
                 const TimestepAnnealing& annealing, int draws) {
    Latent z = random_latent(1), sum(kSize);
    TorchGenerator generator(2);
    Latent noise(kSize), u(1);
    for (int i = 0; i < draws; i++) {
        generator.normal(noise);
        generator.uniform(u);
        const double done = double(i) / draws;
        const NoisyView view{z, annealing.timestep(done, u[0], prior.schedule().size()), noise,
                             text};
        const Latent g = take(distil(prior, options, {&view, 1}))[0];
        for (size_t k = 0; k < kSize; k++) z[k] -= float(0.2 * (1 - done)) * g[k];
    }
    return z;
}

double largest_difference(const Latent& a, const Latent& b) {
    double largest = 0;
    for (size_t k = 0; k < a.size(); k++)
        largest = std::max(largest, std::abs(double(a[k]) - double(b[k])));
    return largest;
}

}   // namespace

TEST_CASE("with a denoiser that knows one latent, SDS is the way to it") {
    const Prediction prediction = GENERATE(Prediction::epsilon, Prediction::v, Prediction::sample);
    const int t = GENERATE(20, 300, 700, 980);
    const DistillationWeight weight = GENERATE(
        DistillationWeight::noise, DistillationWeight::uniform, DistillationWeight::middle);
    GaussianPrior prior(prediction, 0);
    const Latent z = random_latent(3), noise = random_latent(4), target = random_latent(5);
    const NoisyView view{z, t, noise, {&target, &target, {}}};
    const Latent g = take(distil(prior, {.cfg = 30, .weight = weight}, {&view, 1}))[0];
    const double a = prior.schedule().alpha_bar(t);
    const double slope = weight_of(weight, a) * std::sqrt(a / (1 - a));
    // Where little noise is in it, single precision leaves its mark on the difference.
    const double tolerance = 2e-5 * std::max(1.0, std::sqrt(a / (1 - a)));
    for (size_t k = 0; k < kSize; k++)
        CHECK_THAT(g[k], WithinAbs(slope * (double(z[k]) - target[k]), tolerance));
}

TEST_CASE("SDS converges to what guidance makes of two normal distributions") {
    GaussianPrior prior(GENERATE(Prediction::epsilon, Prediction::v), 0.3);
    const Latent wanted = random_latent(6), nothing = random_latent(7);
    const double cfg = 2.5;
    Latent optimum(kSize);
    for (size_t k = 0; k < kSize; k++)
        optimum[k] = float(nothing[k] + cfg * (double(wanted[k]) - nothing[k]));
    const TimestepAnnealing annealing{.begin = {0.3, 0.98}, .end = {0.02, 0.3}};
    const Latent z = optimised(prior, {.cfg = cfg, .weight = DistillationWeight::uniform},
                               {&wanted, &nothing, {}}, annealing, 1500);
    CHECK(largest_difference(z, optimum) < 0.2);
    CHECK(largest_difference(random_latent(1), optimum) > 4);
}

TEST_CASE("ISM is the difference of two denoisers along one path") {
    GaussianPrior prior(GENERATE(Prediction::epsilon, Prediction::v), 0.7);
    const Latent wanted = random_latent(6), nothing = random_latent(7), z = random_latent(8),
                 noise = random_latent(9);
    const int t = GENERATE(60, 140, 600), interval = 80, inversion = 200;
    const DistillationOptions options{.method = DistillationOptions::Method::ism,
                                      .cfg = 7.5,
                                      .interval = interval,
                                      .inversion = inversion};
    const NoisyView view{z, t, noise, {&wanted, &nothing, {}}};
    const Latent g = take(distil(prior, options, {&view, 1}))[0];
    const auto a = [&](int at) { return prior.schedule().alpha_bar(at); };
    for (size_t k = 0; k < kSize; k++) {
        double x = std::sqrt(a(0)) * z[k] + std::sqrt(1 - a(0)) * noise[k];
        int at = 0;
        const auto to = [&](int next) {
            const double e = prior.noise(x, nothing[k], at);
            const double x0 = (x - std::sqrt(1 - a(at)) * e) / std::sqrt(a(at));
            x = std::sqrt(a(next)) * x0 + std::sqrt(1 - a(next)) * e;
            at = next;
            return e;
        };
        const int s = std::max(t - interval, 0);
        while (at < s) to(std::min(at + inversion, s));
        const double before = to(t);
        const double u = prior.noise(x, nothing[k], t), c = prior.noise(x, wanted[k], t);
        CHECK_THAT(g[k], WithinAbs((1 - a(t)) * (u + 7.5 * (c - u) - before), 2e-4));
    }
    CHECK(prior.calls == (t == 600 ? 5 : t == 140 ? 3 : 2));
}

TEST_CASE("views are distilled together as they are alone") {
    const auto method =
        GENERATE(DistillationOptions::Method::sds, DistillationOptions::Method::ism);
    GaussianPrior prior(Prediction::v, 0.4);
    const Latent a = random_latent(1), b = random_latent(2), c = random_latent(3);
    const DistillationOptions options{.method = method, .cfg = 10};
    const std::vector<NoisyView> views = {{a, 500, b, {&a, &c, {{&b, -0.5}}}},
                                          {b, 100, c, {&c, &a, {}}},
                                          {c, 30, a, {&b, &a, {{&a, -1}, {&c, -2}}}}};
    const std::vector<Latent> together = take(distil(prior, options, views));
    for (size_t i = 0; i < views.size(); i++)
        CHECK(together[i] == take(distil(prior, options, {&views[i], 1}))[0]);
}

TEST_CASE("Perp-Neg adds what of a direction is across the wanted one") {
    const Latent u = random_latent(1), wanted = random_latent(2);
    const std::vector<Latent> away = {random_latent(3), wanted};
    const std::vector<ViewText::Avoided> weights = {{nullptr, -1.5}, {nullptr, -7}};
    const Latent got = guided_noise(20, u, wanted, away, weights);
    double along = 0, square = 0;
    for (size_t k = 0; k < kSize; k++) {
        const double d = double(wanted[k]) - u[k];
        along += (double(away[0][k]) - u[k]) * d;
        square += d * d;
    }
    for (size_t k = 0; k < kSize; k++) {
        const double d = double(wanted[k]) - u[k], other = double(away[0][k]) - u[k];
        // The second one is along the wanted direction: nothing of it is left.
        CHECK_THAT(got[k], WithinAbs(u[k] + 20 * (d - 1.5 * (other - along / square * d)), 1e-4));
    }
}

TEST_CASE("weights and timesteps are what their papers say") {
    const NoiseSchedule schedule = take(training_schedule(GaussianPrior::config()));
    CHECK_THAT(schedule.alpha_bar(20), WithinAbs(.981314, 1e-6));
    CHECK_THAT(schedule.alpha_bar(500), WithinAbs(.276333, 1e-6));
    CHECK_THAT(schedule.alpha_bar(980), WithinAbs(.005844, 1e-6));
    CHECK_THAT(weight_of(DistillationWeight::noise, schedule.alpha_bar(500)),
               WithinAbs(.7237, 1e-4));
    CHECK_THAT(weight_of(DistillationWeight::middle, schedule.alpha_bar(500)),
               WithinAbs(.3804, 1e-4));
    CHECK(weight_of(DistillationWeight::uniform, 0.1) == 1);

    const TimestepAnnealing linear;
    CHECK(linear.timestep(0, 0.99, 1000) == 980);
    CHECK(linear.timestep(0.5, 0.1, 1000) == 500);
    CHECK(linear.timestep(1, 0.5, 1000) == 20);
    const TimestepAnnealing root{.square_root = true};
    CHECK(root.timestep(0.25, 0, 1000) == 500);
    const TimestepAnnealing narrowing{.begin = {0.02, 0.98}, .end = {0.02, 0.5}, .until = 0.5};
    CHECK(narrowing.timestep(0, 0, 1000) == 20);
    CHECK(narrowing.timestep(0, 0.9999, 1000) == 980);
    CHECK(narrowing.timestep(0.25, 0.9999, 1000) == 740);
    CHECK(narrowing.timestep(0.9, 0.9999, 1000) == 500);
    CHECK(TimestepAnnealing{.begin = {1, 1}, .end = {1, 1}}.timestep(0, 0.5, 1000) == 999);
}

TEST_CASE("gradients are clamped, and what is not finite is an error") {
    GaussianPrior prior(Prediction::epsilon, 0);
    const Latent wanted = random_latent(1), z = random_latent(2), noise = random_latent(3);
    NoisyView view{z, 400, noise, {&wanted, &noise, {}}};
    const DistillationOptions options{.cfg = 50, .clamp = 0.5};
    const Latent g = take(distil(prior, options, {&view, 1}))[0];
    CHECK(*std::max_element(g.begin(), g.end()) == 0.5f);
    CHECK(*std::min_element(g.begin(), g.end()) == -0.5f);
    Latent broken = z;
    broken[4] = std::numeric_limits<float>::quiet_NaN();
    view.latent = broken;
    const auto refused = distil(prior, options, {&view, 1});
    REQUIRE(!refused);
    CHECK(refused.error().status == Status::not_finite);
}

TEST_CASE("models of continuous noise levels have no table to distil from") {
    SchedulerConfig flow = GaussianPrior::config();
    flow.prediction = Prediction::flow;
    REQUIRE(!training_schedule(flow));
    CHECK(training_schedule(flow).error().status == Status::bad_file);
    SchedulerConfig zero = GaussianPrior::config();
    zero.rescale_betas_zero_snr = true;
    zero.class_name = "EulerDiscreteScheduler";
    CHECK(take(training_schedule(zero)).alpha_bar(999) == 0);
}
