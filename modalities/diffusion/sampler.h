// Samplers: from a schedule and a denoiser to the next latent, one step at a time.
//
//     auto sampler = take(make_sampler("euler", config, {.steps = 20}, noise));
//     Latent x(count);
//     noise.fill(x);                                  // pure noise,
//     sampler->scale_initial_noise(x);                // at the level of the first step
//     while (!sampler->finished()) take(sampler->step(x, denoiser));
//
// From a given x0 (strength < 1) the start is add_noise(x0, noise, x) instead. Between two steps
// the caller may report progress, look at denoised(), replace parts of x (inpainting, with
// add_noise() at the level then current), or stop. A sampler has no state outside itself and knows
// neither model nor device; coefficients are double, latents float. One thread at a time.
//
// Where diffusers has the scheduler, results agree with it, and so do the order and the number of
// draws from the noise source. dpmpp_2s_a and dpmpp_3m_sde follow k-diffusion. Three things differ
// on purpose: lms started part-way weighs only the slopes that it has, a table that was rescaled to
// zero terminal SNR is so for every sampler, and a bh1 corrector stays finite where the path ends
// at zero.
#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/diffusion/brownian.h"
#include "modalities/diffusion/config.h"
#include "modalities/diffusion/rng.h"
#include "modalities/diffusion/schedule.h"
#include "runtime/base/result.h"

namespace kiln {

using Latent = std::vector<float>;   // row-major [n, c, ...]; samplers see it flat

// The network: scaled input (as large as the latent) and timestep to its prediction (as large).
// A failure ends the step and is what step() returns.
using Denoiser = std::function<Result<Latent>(std::span<const float> input, double timestep)>;

struct SamplerRequest {
    int steps = 20;                      // from 1 to num_train_timesteps
    double strength = 1;                 // share of the steps that run, in (0, 1]
    std::string schedule = "default";    // one of schedule_names()
    std::optional<double> eta;           // stochasticity: ddim 0, tcd 0.3, ancestral and SDE 1
    std::optional<int> tokens;           // see TrajectoryRequest
    int samples = 1;                     // n of the latent
    std::vector<uint64_t> seeds = {0};   // of the Brownian trees: one, or as many as samples
};

struct SamplerSetup {
    SchedulerConfig config;   // with the sampler's own defaults filled in
    NoiseSchedule schedule;
    Trajectory path;
    SamplerRequest request;
    NoiseSource* noise = nullptr;   // outlives the sampler
};

class Sampler {
public:
    explicit Sampler(SamplerSetup setup);
    virtual ~Sampler() = default;
    Sampler(const Sampler&) = delete;
    Sampler& operator=(const Sampler&) = delete;

    int steps() const { return end_ - begin_; }   // calls of step() in all
    int done() const { return next_ - begin_; }
    bool finished() const { return next_ == end_; }
    virtual int model_calls() const { return steps(); }
    // Share of the training schedule that lies ahead: 1 at pure noise, 0 when finished.
    double progress_to_go() const { return double(end_ - next_) / end_; }
    double timestep() const;   // that the next step begins at; 0 if none

    void scale_initial_noise(std::span<float> x) const;
    // x = alpha x0 + sigma noise at the level where the next step begins; x0 when finished.
    void add_noise(std::span<const float> x0, std::span<const float> noise,
                   std::span<float> x) const;

    Result<void> step(Latent& x, const Denoiser& denoiser);

    // The estimate of x0 that the last step ended with: a preview. Empty before the first step.
    const Latent& denoised() const { return denoised_; }

protected:
    struct Term {
        double weight;
        const Latent& value;
    };
    // The update rule: x of point i of the path to x of point i + 1. Failures of the model leave it
    // as ResultError.
    virtual void advance(int i, Latent& x) = 0;

    const SchedulerConfig& config() const { return setup_.config; }
    const NoiseSchedule& schedule() const { return setup_.schedule; }
    const SamplerRequest& request() const { return setup_.request; }
    bool is_flow() const { return setup_.path.space == Space::flow; }
    int count() const { return int(setup_.path.timesteps.size()); }
    double timestep(int i) const { return setup_.path.timesteps[i]; }
    double sigma(int i) const { return setup_.path.sigmas[i]; }
    Level level(double sigma) const { return level_of(setup_.path.space, sigma); }
    static Level grid_level(double alpha_bar);   // variance preserving
    double half_log_snr(double sigma) const;     // ln(alpha / sigma)
    double eta(double otherwise) const { return setup_.request.eta.value_or(otherwise); }

    // The network's timestep for a level between two points of the path.
    double timestep_at(double sigma) const;
    // Points of a path over whole timesteps: alpha_bar where step i begins and where it lands. With
    // the file's own spacing a step is num_train_timesteps / steps long, whatever the list says.
    double alpha_bar(double t) const { return setup_.schedule.alpha_bar_at(t); }
    double landing_timestep(int i) const;

    // One call of the network at x, and its prediction as x0, clipped or thresholded as the file
    // says, and kept as the preview.
    Latent predict(const Latent& x, Level level, double timestep);
    Latent to_x0(const Latent& x, const Latent& prediction, Level level);
    Latent to_noise(const Latent& x, const Latent& prediction, Level level) const;
    Latent denoise(const Latent& x, int i);
    Latent denoise(const Latent& x, double sigma, double timestep);
    void keep_preview(Latent x0) { denoised_ = std::move(x0); }

    Latent draw(const Latent& like);                                   // from the noise source
    Latent draw_between(const Latent& like, double from, double to);   // from the Brownian trees
    static Latent sum(std::initializer_list<Term> terms);              // zero weights are skipped

    // For a sampler whose path is not that of the schedule.
    void replace_timesteps(std::vector<double> timesteps);
    int begin() const { return begin_; }

private:
    void clip(Latent& x0) const;

    SamplerSetup setup_;
    std::optional<BrownianTree> tree_;
    Latent denoised_;
    const Denoiser* denoiser_ = nullptr;
    int begin_ = 0, next_ = 0, end_ = 0;
};

// Samplers by their command-line names, in the order in which help lists them.
std::vector<std::string> sampler_names();

// The sampler that stands for a scheduler class of diffusers ("EulerDiscreteScheduler" -> "euler");
// for a multistep solver it also depends on algorithm_type.
Result<std::string> default_sampler(const SchedulerConfig& config);

// The levels of all timesteps that a model was trained at, with the defaults of its scheduler's
// class. bad_file: levels that are not those of a table.
Result<NoiseSchedule> training_schedule(const SchedulerConfig& config);

// `noise` is drawn from while sampling (after the initial noise, where both share a generator).
Result<std::unique_ptr<Sampler>> make_sampler(std::string_view name, const SchedulerConfig& config,
                                              const SamplerRequest& request, NoiseSource& noise);

}   // namespace kiln
