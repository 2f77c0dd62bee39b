// scheduler_config.json as diffusers publishes it: how a model was trained, and the sampler and the
// schedule that its authors chose.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

// What the network predicts: the noise; v = alpha noise - sigma x0 (Salimans and Ho 2022); x0
// itself; or the velocity noise - x0 of a straight path (Lipman et al. 2023; Liu et al. 2023).
enum class Prediction { epsilon, v, sample, flow };
enum class BetaSchedule { linear, scaled_linear, squaredcos_cap_v2, sigmoid, exponential, laplace };
// How the timesteps of few steps lie in the training range (Lin et al. 2024, table 2).
enum class Spacing { linspace, leading, trailing };
enum class SigmaSpacing { table, karras, exponential, beta };
enum class TimeShift { exponential, linear };
enum class Variance { fixed_small, fixed_small_log, fixed_large, fixed_large_log };

// An absent optional is not in the file: its default depends on the sampler, as it depends on the
// scheduler class in diffusers. Names are those of the file.
struct SchedulerConfig {
    std::string class_name;   // "_class_name", or empty
    int num_train_timesteps = 1000;
    Prediction prediction = Prediction::epsilon;

    std::optional<BetaSchedule> beta_schedule;
    std::optional<double> beta_start, beta_end;
    std::vector<double> trained_betas;   // replaces the three above unless empty
    bool rescale_betas_zero_snr = false;

    std::optional<Spacing> timestep_spacing;
    int steps_offset = 0;
    SigmaSpacing sigma_spacing = SigmaSpacing::table;   // use_{karras,exponential,beta}_sigmas
    std::optional<double> sigma_min, sigma_max;
    bool final_sigma_min = false;            // final_sigmas_type is "sigma_min", not "zero"
    bool log_linear_interpolation = false;   // interpolation_type
    bool continuous_timesteps = false;       // timestep_type

    std::optional<bool> set_alpha_to_one;
    std::optional<bool> clip_sample;
    double clip_sample_range = 1.0;
    bool thresholding = false;
    double dynamic_thresholding_ratio = 0.995;
    double sample_max_value = 1.0;
    Variance variance_type = Variance::fixed_small;

    bool skip_prk_steps = true;   // false only where a PNDMScheduler does not say true
    int solver_order = 2;
    std::string solver_type;   // midpoint, heun (DPM); bh1, bh2 (UniPC); or empty
    std::string algorithm_type = "dpmsolver++";
    bool lower_order_final = true;
    bool euler_at_final = false;
    std::vector<int> disable_corrector;
    int original_inference_steps = 50;
    double timestep_scaling = 10.0;

    // Noise levels are any between sigma_min and sigma_max, and the network is told their angle:
    // atan(sigma) * 2 / pi in place of a timestep. CosineDPMSolverMultistepScheduler.
    bool cosine = false;

    bool use_flow_sigmas = false;   // the flow schedule of the multistep solvers
    double shift = 1.0;             // "shift", or "flow_shift" of the multistep solvers
    bool use_dynamic_shifting = false;
    double base_shift = 0.5, max_shift = 1.15;
    int base_tokens = 256, max_tokens = 4096;
    std::optional<double> shift_terminal;
    TimeShift time_shift = TimeShift::exponential;
    bool stochastic_sampling = false;
};

// Parses and checks the file's text. Unknown keys are ignored, as diffusers does; a wrong type, a
// number that is not finite or out of range, and an unknown word are errors that name the key.
Result<SchedulerConfig> parse_scheduler_config(std::string_view json);

}   // namespace kiln
