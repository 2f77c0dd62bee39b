// The noise levels that a model was trained at, and the few of them that a run visits.
//
// Tables are computed in float32 where diffusers computes them in float32, so that both agree to
// the bit where a difference would matter (1 - alpha_bar near t = 0).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "modalities/diffusion/config.h"
#include "runtime/base/result.h"

namespace kiln {

// A noisy latent is x = alpha x0 + sigma noise.
struct Level {
    double alpha, sigma;
};

// variance_preserving: alpha^2 + sigma^2 = 1. variance_exploding: alpha = 1, and the network sees
// x / sqrt(1 + sigma^2). flow: alpha = 1 - sigma, and the network sees x.
enum class Space { variance_preserving, variance_exploding, flow };

// What a sampler's counterpart in diffusers assumes where the file is silent, and how it spaces.
struct ScheduleRules {
    // grid: whole timesteps of the table. spaced: noise levels at real timesteps. multistep: n + 1
    // points of which the last is dropped. distilled: every k-th timestep of a distillation grid.
    enum class Family { grid, spaced, multistep, distilled };

    Family family = Family::spaced;
    Spacing spacing = Spacing::linspace;
    double beta_start = 0.0001, beta_end = 0.02;
    BetaSchedule beta_schedule = BetaSchedule::linear;
    bool set_alpha_to_one = true;
    bool clip_sample = false;
    bool obeys_clip_sample = false;
    bool obeys_thresholding = false;
    bool obeys_sigma_spacing = true;   // use_karras_sigmas and its like
    bool obeys_final_sigma = false;    // final_sigmas_type
    bool flow_from_one = false;        // the multistep flow schedule starts at 1, not before it
    bool double_linspace = false;      // evenly spaced timesteps are not rounded to float32
    bool rounds_karras = false;        // timesteps of Karras' levels are whole
};

// The training schedule: alpha_bar_t and sigma_t = sqrt((1 - alpha_bar_t) / alpha_bar_t) for whole
// t in [0, size).
class NoiseSchedule {
public:
    static Result<NoiseSchedule> make(const SchedulerConfig& config, const ScheduleRules& rules);

    int size() const { return int(alpha_bar_.size()); }
    double alpha_bar(int t) const;   // t < 0 is x0 itself, or what set_alpha_to_one says
    double final_alpha_bar() const { return final_alpha_bar_; }
    double sigma(int t) const;   // finite also where alpha_bar is zero
    double log_sigma(int t) const;

    // Between whole timesteps log sigma is linear in t; both clamp to the table.
    double alpha_bar_at(double t) const;
    double log_sigma_at(double t) const;
    double timestep_of(double sigma) const;
    double interpolate_sigma(double t) const;   // linear in sigma instead

private:
    std::vector<float> alpha_bar_, sigma_, log_sigma_;
    double final_alpha_bar_ = 1;
};

// The levels that a run of `steps` steps visits, from noise to x0.
struct Trajectory {
    Space space = Space::variance_preserving;
    bool table_spacing = true;       // the file's own spacing, none that the user chose instead
    bool on_grid = false;            // levels are those of the timesteps, exactly
    std::vector<double> timesteps;   // [steps], as the network takes them
    std::vector<double> sigmas;      // [steps + 1], ratio of noise to x0 (flow: share of noise)
    double init_noise_sigma = 1;     // a run from pure noise starts at this times the noise
};

// `schedule` is one of schedule_names(). `tokens` (positions of the network's sequence) is needed
// where the file asks for dynamic shifting.
struct TrajectoryRequest {
    int steps = 20;
    std::string schedule = "default";
    std::optional<int> tokens;
};

const std::vector<std::string>& schedule_names();
Result<Trajectory> plan_trajectory(const NoiseSchedule& noise, const SchedulerConfig& config,
                                   const ScheduleRules& rules, const TrajectoryRequest& request);

Level level_of(Space space, double sigma);

// What the networks of SchedulerConfig::cosine take for a timestep: the angle of noise to x0, in
// quarter turns.
double angle_of(double sigma);

// Inverse of the regularised incomplete beta function I_x(a, b) = p, for p in [0, 1].
double beta_quantile(double p, double a, double b);

}   // namespace kiln
