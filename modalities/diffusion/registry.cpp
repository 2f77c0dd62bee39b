// Samplers by name, with the assumptions of their counterparts in diffusers.
#include <algorithm>
#include <cmath>

#include "modalities/diffusion/samplers.h"

namespace kiln {
namespace {

using Family = ScheduleRules::Family;

struct Entry {
    const char* name;
    const char* scheduler;   // its class in diffusers, or null
    std::unique_ptr<Sampler> (*make)(SamplerSetup);
    ScheduleRules rules;
    bool flow;   // works on flow models
};

constexpr ScheduleRules kGrid{.family = Family::grid,
                              .spacing = Spacing::leading,
                              .clip_sample = true,
                              .obeys_clip_sample = true,
                              .obeys_thresholding = true};
constexpr ScheduleRules kPlms{
    .family = Family::grid, .spacing = Spacing::leading, .set_alpha_to_one = false};
constexpr ScheduleRules kEuler{.obeys_final_sigma = true};
constexpr ScheduleRules kEulerAncestral{.obeys_sigma_spacing = false};
constexpr ScheduleRules kSpaced{};
constexpr ScheduleRules kHeun{.beta_start = 0.00085, .beta_end = 0.012, .obeys_clip_sample = true};
constexpr ScheduleRules kBrownian{
    .beta_start = 0.00085, .beta_end = 0.012, .double_linspace = true};
constexpr ScheduleRules kMidpoint{.beta_start = 0.00085, .beta_end = 0.012, .rounds_karras = true};
constexpr ScheduleRules kMultistep{.family = Family::multistep,
                                   .obeys_thresholding = true,
                                   .obeys_final_sigma = true,
                                   .rounds_karras = true};
constexpr ScheduleRules kUniPc{.family = Family::multistep,
                               .obeys_thresholding = true,
                               .obeys_final_sigma = true,
                               .flow_from_one = true,
                               .rounds_karras = true};
constexpr ScheduleRules kConsistency{.family = Family::distilled,
                                     .spacing = Spacing::leading,
                                     .beta_start = 0.00085,
                                     .beta_end = 0.012,
                                     .beta_schedule = BetaSchedule::scaled_linear,
                                     .obeys_clip_sample = true,
                                     .obeys_thresholding = true};
constexpr ScheduleRules kTrajectory{.family = Family::distilled,
                                    .spacing = Spacing::leading,
                                    .beta_start = 0.00085,
                                    .beta_end = 0.012,
                                    .beta_schedule = BetaSchedule::scaled_linear};

constexpr Entry kEntries[] = {
    {"ddim", "DDIMScheduler", make_ddim, kGrid, false},
    {"ddpm", "DDPMScheduler", make_ddpm, kGrid, false},
    {"pndm", "PNDMScheduler", make_pndm, kPlms, false},
    {"euler", "EulerDiscreteScheduler", make_euler, kEuler, true},
    {"euler_a", "EulerAncestralDiscreteScheduler", make_euler_a, kEulerAncestral, true},
    {"heun", "HeunDiscreteScheduler", make_heun, kHeun, true},
    {"dpm2", "KDPM2DiscreteScheduler", make_dpm2, kMidpoint, true},
    {"dpm2_a", "KDPM2AncestralDiscreteScheduler", make_dpm2_a, kMidpoint, false},
    {"dpmpp_2s_a", nullptr, make_dpmpp_2s_a, kSpaced, false},
    {"dpmpp_2m", "DPMSolverMultistepScheduler", make_dpmpp_2m, kMultistep, true},
    {"dpmpp_2m_sde", nullptr, make_dpmpp_2m_sde, kMultistep, true},
    {"dpmpp_3m_sde", nullptr, make_dpmpp_3m_sde, kSpaced, false},
    {"dpmpp_sde", "DPMSolverSDEScheduler", make_dpmpp_sde, kBrownian, false},
    {"unipc", "UniPCMultistepScheduler", make_unipc, kUniPc, true},
    {"lms", "LMSDiscreteScheduler", make_lms, kSpaced, true},
    {"lcm", "LCMScheduler", make_lcm, kConsistency, true},
    {"tcd", "TCDScheduler", make_tcd, kTrajectory, false},
    // Other classes that one of the samplers above stands for.
    {"dpmpp_2m_sde", "CosineDPMSolverMultistepScheduler", make_dpmpp_2m_sde, kMultistep, true},
    {"euler", "FlowMatchEulerDiscreteScheduler", make_euler, kEuler, true},
    {"heun", "FlowMatchHeunDiscreteScheduler", make_heun, kHeun, true},
    {"lcm", "FlowMatchLCMScheduler", make_lcm, kConsistency, true},
    {"ddim", "DDIMParallelScheduler", make_ddim, kGrid, false},
    {"ddpm", "DDPMParallelScheduler", make_ddpm, kGrid, false},
};

Error usage(std::string message) { return {Status::usage, std::move(message)}; }

std::string known_samplers() {
    std::string known;
    for (const auto& name : sampler_names()) known += (known.empty() ? "" : ", ") + name;
    return known;
}

Result<void> check_request(const SamplerRequest& request) {
    const double strength = request.strength;
    if (!(strength > 0 && strength <= 1)) return usage("strength must be above 0 and at most 1");
    if (request.steps >= 1 && int(request.steps * strength) < 1)
        return usage("strength " + std::to_string(strength) + " of " +
                     std::to_string(request.steps) + " steps leaves no step to run");
    if (request.eta && !(*request.eta >= 0 && *request.eta <= 1))
        return usage("eta must be from 0 to 1");
    if (request.samples < 1) return usage("samples must be at least 1");
    const int seeds = int(request.seeds.size());
    if (seeds != 1 && seeds != request.samples)
        return usage("give one seed, or one for each of " + std::to_string(request.samples) +
                     " samples, not " + std::to_string(seeds));
    return {};
}

}   // namespace

std::vector<std::string> sampler_names() {
    std::vector<std::string> names;
    for (const Entry& entry : kEntries)
        if (std::find(names.begin(), names.end(), entry.name) == names.end())
            names.push_back(entry.name);
    return names;
}

Result<std::string> default_sampler(const SchedulerConfig& config) {
    for (const Entry& entry : kEntries) {
        if (!entry.scheduler || config.class_name != entry.scheduler) continue;
        const std::string name = entry.name;
        if (name != "dpmpp_2m") return name;
        if (config.algorithm_type == "sde-dpmsolver++") return std::string("dpmpp_2m_sde");
        if (config.algorithm_type == "dpmsolver++" || config.algorithm_type == "deis") return name;
        return Error{Status::bad_file, "scheduler_config.json: algorithm_type \"" +
                                           config.algorithm_type +
                                           "\" is not supported; choose a "
                                           "sampler: " +
                                           known_samplers()};
    }
    return Error{Status::bad_file, "scheduler_config.json: unknown scheduler \"" +
                                       config.class_name +
                                       "\"; choose a sampler: " + known_samplers()};
}

Result<NoiseSchedule> training_schedule(const SchedulerConfig& config) {
    if (config.prediction == Prediction::flow || config.cosine || config.use_flow_sigmas)
        return Error{Status::bad_file,
                     "scheduler_config.json: a model of continuous noise levels, where those of "
                     "whole timesteps are needed"};
    const auto entry = std::find_if(std::begin(kEntries), std::end(kEntries), [&](const Entry& e) {
        return e.scheduler && e.scheduler == config.class_name;
    });
    ScheduleRules rules = entry == std::end(kEntries) ? kGrid : entry->rules;
    rules.family = Family::grid;   // a last level of zero stays zero
    return NoiseSchedule::make(config, rules);
}

Result<std::unique_ptr<Sampler>> make_sampler(std::string_view name, const SchedulerConfig& config,
                                              const SamplerRequest& request, NoiseSource& noise) {
    const auto entry = std::find_if(std::begin(kEntries), std::end(kEntries),
                                    [&](const Entry& e) { return e.name == name; });
    if (entry == std::end(kEntries))
        return usage("unknown sampler \"" + std::string(name) + "\"; known: " + known_samplers());
    const auto checked = check_request(request);
    if (!checked) return checked.error();
    if (config.prediction == Prediction::flow && !entry->flow)
        return usage("sampler " + std::string(name) + " does not work on a flow model; euler does");

    SchedulerConfig resolved = config;
    const ScheduleRules& rules = entry->rules;
    resolved.clip_sample =
        rules.obeys_clip_sample && config.clip_sample.value_or(rules.clip_sample);
    resolved.thresholding = rules.obeys_thresholding && config.thresholding;
    auto schedule = NoiseSchedule::make(resolved, rules);
    if (!schedule) return schedule.error();
    const bool no_signal = schedule->alpha_bar(schedule->size() - 1) == 0;
    if (no_signal && config.prediction == Prediction::epsilon)
        return usage(
            "rescale_betas_zero_snr leaves no signal to subtract predicted noise from: "
            "sampler " +
            std::string(name) + " needs v_prediction");
    auto path = plan_trajectory(*schedule, resolved, rules,
                                {request.steps, request.schedule, request.tokens});
    if (!path) return path.error();
    try {
        return entry->make(
            {std::move(resolved), *std::move(schedule), *std::move(path), request, &noise});
    } catch (const ResultError& failure) {
        return failure.error;
    }
}

}   // namespace kiln
