// Which noise levels a run visits: the spacings of Lin et al., "Common Diffusion Noise Schedules
// and Sample Steps are Flawed", 2024 (table 2), the levels of Karras et al., "Elucidating the
// Design Space of Diffusion-Based Generative Models", 2022 (equation 5), of Lee et al., "Beta
// Sampling is All You Need", 2024, and the shifted flow of Esser et al., "Scaling Rectified Flow
// Transformers", 2024.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "modalities/diffusion/schedule.h"

namespace kiln {
namespace {

using Family = ScheduleRules::Family;
using List = std::vector<double>;

Error usage(std::string message) { return {Status::usage, std::move(message)}; }

List linspace(double first, double last, int count) {
    List list(count, first);
    for (int i = 0; i < count; ++i) list[i] = first + i * ((last - first) / (count - 1));
    if (count == 1)
        list[0] = first;
    else
        list[count - 1] = last;
    return list;
}

// Whole timesteps of the table, or real ones for linspace where the family takes them.
Result<List> spaced_timesteps(const NoiseSchedule& noise, const SchedulerConfig& config,
                              const ScheduleRules& rules, int steps) {
    const int size = noise.size();
    const int points = steps + (rules.family == Family::multistep ? 1 : 0);
    const Spacing spacing = config.timestep_spacing.value_or(rules.spacing);
    List list;
    if (spacing == Spacing::trailing) {
        const double stride = (double(size) - double(size) / steps) - size;   // as numpy.arange
        for (int i = 0; i < steps; ++i) list.push_back(std::rint(size + i * stride) - 1);
        return list;
    }
    if (spacing == Spacing::linspace) {
        list = linspace(0, size - 1, points);
        const bool real = rules.family == Family::spaced;
        for (double& t : list)
            if (!rules.double_linspace) t = real ? double(float(t)) : std::rint(t);
    } else {
        const int stride = size / points;
        for (int i = 0; i < points; ++i) list.push_back(double(i) * stride + config.steps_offset);
        if (stride == 0 || list.back() > size - 1)
            return usage(std::to_string(steps) + " steps do not fit " + std::to_string(size) +
                         " training timesteps with steps_offset " +
                         std::to_string(config.steps_offset));
    }
    std::reverse(list.begin(), list.end());
    list.resize(steps);
    return list;
}

Result<List> distilled_timesteps(const NoiseSchedule& noise, const SchedulerConfig& config,
                                 int steps) {
    const int grid = config.original_inference_steps;
    if (steps > grid)
        return usage("steps must be at most " + std::to_string(grid) +
                     " (original_inference_steps), not " + std::to_string(steps));
    const int stride = noise.size() / grid;
    List list;
    for (int i = 0; i < steps; ++i) {
        const int index = int(std::floor(i * (double(grid) / steps)));
        list.push_back((grid - index) * stride - 1);
    }
    return list;
}

List spread(SigmaSpacing spacing, double high, double low, int steps) {
    constexpr double kRho = 7;
    List list = linspace(0, 1, steps);
    for (double& u : list) {
        if (spacing == SigmaSpacing::karras) {
            const double from = std::pow(high, 1 / kRho), to = std::pow(low, 1 / kRho);
            u = std::pow(from + u * (to - from), kRho);
        } else if (spacing == SigmaSpacing::exponential) {
            u = std::exp(std::log(high) + u * (std::log(low) - std::log(high)));
        } else {
            u = low + beta_quantile(1 - u, 0.6, 0.6) * (high - low);
        }
    }
    return list;
}

SigmaSpacing named_spacing(const std::string& name, SigmaSpacing otherwise) {
    if (name == "karras") return SigmaSpacing::karras;
    if (name == "exponential") return SigmaSpacing::exponential;
    if (name == "beta") return SigmaSpacing::beta;
    return otherwise;
}

// sgm_uniform: evenly in t, without the last. simple: every (size / steps)-th of the table.
double uniform_timestep(const std::string& name, int i, int steps, int size) {
    if (name == "simple") return size - 1 - int(double(i) * size / steps);
    return (size - 1) * (1 - double(i) / steps);
}

double shifted(const SchedulerConfig& config, std::optional<double> mu, double sigma) {
    if (!mu) return config.shift * sigma / (1 + (config.shift - 1) * sigma);
    const double factor = config.time_shift == TimeShift::exponential ? std::exp(*mu) : *mu;
    return factor / (factor + (1 / sigma - 1));
}

Result<std::optional<double>> dynamic_shift(const SchedulerConfig& config,
                                            const TrajectoryRequest& request) {
    if (!config.use_dynamic_shifting) return std::optional<double>();
    if (!request.tokens)
        return usage("this schedule shifts with the number of tokens, which was not given");
    const double slope =
        (config.max_shift - config.base_shift) / (config.max_tokens - config.base_tokens);
    return std::optional(config.base_shift + slope * (*request.tokens - config.base_tokens));
}

// Both ends of the static shift are shifted twice, as FlowMatchEulerDiscreteScheduler does: it
// keeps its shifted table's ends, spaces between them, and shifts the result.
Result<List> flow_sigmas(const NoiseSchedule& noise, const SchedulerConfig& config,
                         const ScheduleRules& rules, const TrajectoryRequest& request) {
    const auto mu = dynamic_shift(config, request);
    if (!mu) return mu.error();
    const int steps = request.steps, size = noise.size();
    const bool multistep = rules.family == Family::multistep && config.use_flow_sigmas;
    List list;
    if (request.schedule == "sgm_uniform" || request.schedule == "simple") {
        for (int i = 0; i < steps; ++i)
            list.push_back((1 + uniform_timestep(request.schedule, i, steps, size)) / size);
    } else if (multistep) {
        list = rules.flow_from_one ? linspace(1, 1.0 / size, steps + 1)
                                   : linspace(1 - 1.0 / size, 0, steps + 1);
        list.resize(steps);
    } else {
        const float low = float(*mu ? 1.0 / size : shifted(config, {}, 1.0 / size));
        list = linspace(size, double(low) * size, steps);
        for (double& sigma : list) sigma /= size;
    }
    for (double& sigma : list) sigma = shifted(config, *mu, sigma);
    if (config.shift_terminal && list.back() < 1) {
        const double scale = (1 - list.back()) / (1 - *config.shift_terminal);
        for (double& sigma : list) sigma = 1 - (1 - sigma) / scale;
    }
    const SigmaSpacing spacing = named_spacing(request.schedule, config.sigma_spacing);
    if (spacing != SigmaSpacing::table) list = spread(spacing, list.front(), list.back(), steps);
    return list;
}

Result<Trajectory> plan_flow(const NoiseSchedule& noise, const SchedulerConfig& config,
                             const ScheduleRules& rules, const TrajectoryRequest& request) {
    auto sigmas = flow_sigmas(noise, config, rules, request);
    if (!sigmas) return sigmas.error();
    Trajectory path{.space = Space::flow, .table_spacing = request.schedule == "default"};
    for (double sigma : *sigmas) {
        // The multistep solvers take logarithms of 1 - sigma.
        if (rules.family == Family::multistep && std::fabs(sigma - 1) < 1e-6) sigma -= 1e-6;
        path.sigmas.push_back(float(sigma));
        const bool whole = rules.family == Family::multistep && config.use_flow_sigmas;
        path.timesteps.push_back(whole ? std::trunc(sigma * noise.size())
                                       : double(float(sigma) * float(noise.size())));
    }
    path.sigmas.push_back(0);
    return path;
}

double initial_noise(const Trajectory& path, const SchedulerConfig& config,
                     const ScheduleRules& rules) {
    if (path.space != Space::variance_exploding) return 1;
    const double highest = *std::max_element(path.sigmas.begin(), path.sigmas.end());
    const bool leading = config.timestep_spacing.value_or(rules.spacing) == Spacing::leading;
    return leading ? std::sqrt(highest * highest + 1) : highest;
}

// torch's exp(linspace(log low, log high)), from high to low, in float32: a Brownian path resolves
// the difference.
List exponential_as_float(double high, double low, int steps) {
    const float from = float(std::log(low)), to = float(std::log(high));
    const float step = (to - from) / float(steps - 1);
    List list;
    for (int i = steps - 1; i >= 0; i--) {
        const float at = steps == 1      ? from
                         : i < steps / 2 ? from + step * float(i)
                                         : to - step * float(steps - 1 - i);
        list.push_back(float(std::exp(double(at))));
    }
    return list;
}

// Levels by noise alone, and their angles for the network.
Trajectory plan_cosine(const SchedulerConfig& config, const TrajectoryRequest& request) {
    const double high = *config.sigma_max, low = *config.sigma_min;
    const SigmaSpacing spacing = named_spacing(request.schedule, config.sigma_spacing);
    Trajectory path{.space = Space::variance_exploding,
                    .table_spacing = request.schedule == "default",
                    .timesteps = {},
                    .sigmas = {},
                    .init_noise_sigma = std::sqrt(high * high + 1)};
    if (request.schedule == "sgm_uniform" || request.schedule == "simple")
        for (int i = 0; i < request.steps; i++)   // evenly in the angle
            path.sigmas.push_back(std::tan(std::atan(high) * (1 - double(i) / request.steps)));
    else if (spacing == SigmaSpacing::exponential)
        path.sigmas = exponential_as_float(high, low, request.steps);
    else
        path.sigmas = spread(spacing, high, low, request.steps);
    for (double& sigma : path.sigmas) {
        sigma = float(sigma);
        path.timesteps.push_back(angle_of(sigma));
    }
    path.sigmas.push_back(config.final_sigma_min ? low : 0);
    return path;
}

// Levels chosen by noise instead of by time, and the timesteps that lie at them.
void respace(Trajectory& path, SigmaSpacing spacing, const NoiseSchedule& noise,
             const SchedulerConfig& config, const ScheduleRules& rules) {
    const bool whole_table = rules.family == Family::multistep;
    const double high = whole_table ? noise.sigma(noise.size() - 1) : path.sigmas.front();
    const double low = whole_table ? noise.sigma(0) : path.sigmas.back();
    path.sigmas = spread(spacing, config.sigma_max.value_or(high), config.sigma_min.value_or(low),
                         int(path.timesteps.size()));
    for (size_t i = 0; i < path.timesteps.size(); ++i) {
        double t = noise.timestep_of(path.sigmas[i]);
        if (spacing == SigmaSpacing::karras && rules.rounds_karras) t = std::rint(t);
        path.timesteps[i] = rules.family == Family::multistep ? std::trunc(t) : double(float(t));
    }
}

}   // namespace

double angle_of(double sigma) { return std::atan(sigma) * 2 / std::numbers::pi; }

const std::vector<std::string>& schedule_names() {
    static const std::vector<std::string> names = {"default",     "karras", "exponential",
                                                   "sgm_uniform", "simple", "beta"};
    return names;
}

Result<Trajectory> plan_trajectory(const NoiseSchedule& noise, const SchedulerConfig& config,
                                   const ScheduleRules& rules, const TrajectoryRequest& request) {
    const int steps = request.steps, size = noise.size();
    const auto& names = schedule_names();
    if (std::find(names.begin(), names.end(), request.schedule) == names.end()) {
        std::string known;
        for (const auto& name : names) known += (known.empty() ? "" : ", ") + name;
        return usage("unknown schedule \"" + request.schedule + "\"; known: " + known);
    }
    if (steps < 1 || steps > size)
        return usage("steps must be from 1 to " + std::to_string(size) + ", not " +
                     std::to_string(steps));
    const bool grid = rules.family == Family::grid || rules.family == Family::distilled;
    if (config.cosine && grid)
        return usage(
            "this sampler steps over trained timesteps, and the model has none: "
            "dpmpp_2m_sde, dpmpp_2m and euler do not need them");
    if (config.cosine) return plan_cosine(config, request);
    if (config.prediction == Prediction::flow) return plan_flow(noise, config, rules, request);

    Trajectory path{.table_spacing = request.schedule == "default", .on_grid = grid};
    if (rules.family == Family::spaced) path.space = Space::variance_exploding;
    const bool own_grid = rules.family == Family::distilled && path.table_spacing;
    auto timesteps = own_grid ? distilled_timesteps(noise, config, steps)
                              : spaced_timesteps(noise, config, rules, steps);
    if (!timesteps) return timesteps.error();
    path.timesteps = *timesteps;
    if (request.schedule == "sgm_uniform" || request.schedule == "simple") {
        for (int i = 0; i < steps; ++i) {
            path.timesteps[i] = uniform_timestep(request.schedule, i, steps, size);
            path.sigmas.push_back(std::exp(noise.log_sigma_at(path.timesteps[i])));
        }
    } else {
        for (double t : path.timesteps) path.sigmas.push_back(noise.interpolate_sigma(t));
    }
    double last = rules.obeys_final_sigma && config.final_sigma_min ? noise.sigma(0) : 0;
    if (config.log_linear_interpolation && rules.family == Family::spaced && path.table_spacing) {
        const List logs = linspace(noise.log_sigma(size - 1), noise.log_sigma(0), steps + 1);
        for (int i = 0; i < steps; ++i) path.sigmas[i] = std::exp(logs[i]);
        last = std::exp(logs[steps]);
    }
    const bool obeys = rules.obeys_sigma_spacing && !grid && path.table_spacing;
    const SigmaSpacing spacing =
        named_spacing(request.schedule, obeys ? config.sigma_spacing : SigmaSpacing::table);
    if (spacing != SigmaSpacing::table) respace(path, spacing, noise, config, rules);
    path.sigmas.push_back(last);
    for (double& sigma : path.sigmas) sigma = float(sigma);
    if (config.continuous_timesteps && config.prediction == Prediction::v &&
        rules.family == Family::spaced)
        for (int i = 0; i < steps; ++i) path.timesteps[i] = 0.25 * std::log(path.sigmas[i]);
    path.init_noise_sigma = initial_noise(path, config, rules);
    return path;
}

}   // namespace kiln
