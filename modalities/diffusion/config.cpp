#include "modalities/diffusion/config.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace kiln {
namespace {

using Json = nlohmann::json;

// Reads typed members of an object; the first complaint wins and is kept.
class Reader {
public:
    explicit Reader(const Json& json) : json_(json) {}

    const Json* find(const char* key) const {
        const auto at = json_.find(key);
        return at == json_.end() || at->is_null() ? nullptr : &*at;
    }
    bool has(const char* key) const { return find(key) != nullptr; }

    template <class Target>
    void boolean(const char* key, Target& target) {
        const Json* value = find(key);
        if (value && !value->is_boolean()) return complain(key, "true or false", *value);
        if (value) target = value->get<bool>();
    }
    void integer(const char* key, int& target, int low, int high) {
        const Json* value = find(key);
        if (!value) return;
        const bool whole = value->is_number_integer();
        const double number = whole ? value->get<double>() : 0;
        if (!whole || number < low || number > high)
            return complain(
                key, "a whole number from " + std::to_string(low) + " to " + std::to_string(high),
                *value);
        target = int(number);
    }
    template <class Target>
    void real(const char* key, Target& target, double low = -1e9, double high = 1e9) {
        const Json* value = find(key);
        if (!value) return;
        const double number = value->is_number() ? value->get<double>() : NAN;
        if (!(number >= low && number <= high))
            return complain(key, "a number from " + Json(low).dump() + " to " + Json(high).dump(),
                            *value);
        target = number;
    }
    // One of `words`; its position becomes the enumerator.
    template <class Target>
    void word(const char* key, Target& target, std::initializer_list<const char*> words) {
        const Json* value = find(key);
        if (!value) return;
        int position = 0;
        std::string known;
        for (const char* candidate : words) {
            if (value->is_string() && *value == candidate) {
                set(target, position, candidate);
                return;
            }
            known += std::string(position++ ? ", " : "") + candidate;
        }
        complain(key, "one of " + known, *value);
    }
    void complain(const char* key, const std::string& expected, const Json& found) {
        if (!error_)
            error_ =
                Error{Status::bad_file,
                      "scheduler_config.json: \"" + std::string(key) + "\" must be " + expected +
                          ", not " + found.dump(-1, ' ', false, Json::error_handler_t::replace)};
    }
    std::optional<Error> error_;

private:
    static void set(std::string& target, int, const char* word) { target = word; }
    template <class Enum>
    static void set(Enum& target, int position, const char*) {
        target = Enum(position);
    }
    template <class Enum>
    static void set(std::optional<Enum>& target, int position, const char*) {
        target = Enum(position);
    }

    const Json& json_;
};

bool is_flow_class(const std::string& name) { return name.find("FlowMatch") != std::string::npos; }

void read_betas(Reader& read, SchedulerConfig& config) {
    read.integer("num_train_timesteps", config.num_train_timesteps, 1, 1000000);
    read.word("beta_schedule", config.beta_schedule,
              {"linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "exp", "laplace"});
    read.real("beta_start", config.beta_start, 0, 1);
    read.real("beta_end", config.beta_end, 0, 1);
    read.boolean("rescale_betas_zero_snr", config.rescale_betas_zero_snr);
    const Json* betas = read.find("trained_betas");
    if (!betas) return;
    if (!betas->is_array() || betas->size() != size_t(config.num_train_timesteps))
        return read.complain("trained_betas", "num_train_timesteps numbers",
                             betas->is_array() ? Json(betas->size()) : *betas);
    for (const Json& beta : *betas) {
        if (!beta.is_number() || !(beta.get<double>() > 0 && beta.get<double>() < 1))
            return read.complain("trained_betas", "numbers between 0 and 1", beta);
        config.trained_betas.push_back(beta.get<double>());
    }
}

void read_spacing(Reader& read, SchedulerConfig& config) {
    read.word("timestep_spacing", config.timestep_spacing, {"linspace", "leading", "trailing"});
    read.integer("steps_offset", config.steps_offset, 0, config.num_train_timesteps - 1);
    bool karras = false, exponential = false, beta = false;
    read.boolean("use_karras_sigmas", karras);
    read.boolean("use_exponential_sigmas", exponential);
    read.boolean("use_beta_sigmas", beta);
    if (karras + exponential + beta > 1)
        read.complain("use_karras_sigmas", "the only one of use_*_sigmas that is true", true);
    if (karras) config.sigma_spacing = SigmaSpacing::karras;
    if (exponential) config.sigma_spacing = SigmaSpacing::exponential;
    if (beta) config.sigma_spacing = SigmaSpacing::beta;
    read.real("sigma_min", config.sigma_min, 1e-9);
    read.real("sigma_max", config.sigma_max, 1e-9);
    read.word("final_sigmas_type", config.final_sigma_min, {"zero", "sigma_min"});
    read.word("interpolation_type", config.log_linear_interpolation, {"linear", "log_linear"});
    read.word("timestep_type", config.continuous_timesteps, {"discrete", "continuous"});
}

// Levels of Karras et al. 2022 for a network that predicts v (Evans et al. Stable Audio Open.
// 2024).
void read_cosine(Reader& read, SchedulerConfig& config) {
    config.sigma_min = config.sigma_min.value_or(0.3);
    config.sigma_max = config.sigma_max.value_or(500);
    config.sigma_spacing = SigmaSpacing::exponential;
    bool karras = false;
    read.word("sigma_schedule", karras, {"exponential", "karras"});
    if (karras) config.sigma_spacing = SigmaSpacing::karras;
    double data = 1, rho = 7;
    read.real("sigma_data", data, 0);
    if (data != 1) read.complain("sigma_data", "1", data);
    read.real("rho", rho, 0);
    if (rho != 7) read.complain("rho", "7", rho);
    if (*config.sigma_min >= *config.sigma_max)
        read.complain("sigma_min", "less than sigma_max", *config.sigma_min);
    if (config.prediction != Prediction::v && config.prediction != Prediction::epsilon)
        read.complain("prediction_type", "v_prediction or epsilon", "another");
}

void read_sample_rules(Reader& read, SchedulerConfig& config) {
    read.boolean("set_alpha_to_one", config.set_alpha_to_one);
    read.boolean("clip_sample", config.clip_sample);
    read.real("clip_sample_range", config.clip_sample_range, 1e-9);
    read.boolean("thresholding", config.thresholding);
    read.real("dynamic_thresholding_ratio", config.dynamic_thresholding_ratio, 0, 1);
    read.real("sample_max_value", config.sample_max_value, 1);
    // A learned variance is a second half of the network's output; latent models have none, and
    // what is left of the rule is the posterior variance.
    std::string variance;
    read.word("variance_type", variance,
              {"fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned",
               "learned_range"});
    if (variance == "fixed_small_log") config.variance_type = Variance::fixed_small_log;
    if (variance == "fixed_large") config.variance_type = Variance::fixed_large;
    if (variance == "fixed_large_log") config.variance_type = Variance::fixed_large_log;
}

void read_solver(Reader& read, SchedulerConfig& config) {
    config.skip_prk_steps = config.class_name != "PNDMScheduler";
    read.boolean("skip_prk_steps", config.skip_prk_steps);
    read.integer("solver_order", config.solver_order, 1, 3);
    read.word("solver_type", config.solver_type, {"midpoint", "heun", "bh1", "bh2", "logrho"});
    read.word("algorithm_type", config.algorithm_type,
              {"dpmsolver++", "sde-dpmsolver++", "dpmsolver", "sde-dpmsolver", "deis"});
    read.boolean("lower_order_final", config.lower_order_final);
    read.boolean("euler_at_final", config.euler_at_final);
    if (const Json* steps = read.find("disable_corrector")) {
        if (!steps->is_array())
            return read.complain("disable_corrector", "a list of steps", *steps);
        for (const Json& step : *steps) {
            if (!step.is_number_integer())
                return read.complain("disable_corrector", "a list of whole numbers", step);
            config.disable_corrector.push_back(step.get<int>());
        }
    }
    read.integer("original_inference_steps", config.original_inference_steps, 1,
                 config.num_train_timesteps);
    read.real("timestep_scaling", config.timestep_scaling, 0);
}

void read_flow(Reader& read, SchedulerConfig& config) {
    read.boolean("use_flow_sigmas", config.use_flow_sigmas);
    read.real("shift", config.shift, 1e-6);
    read.real("flow_shift", config.shift, 1e-6);
    read.boolean("use_dynamic_shifting", config.use_dynamic_shifting);
    read.real("base_shift", config.base_shift);
    read.real("max_shift", config.max_shift);
    read.integer("base_image_seq_len", config.base_tokens, 1, 1 << 30);
    read.integer("max_image_seq_len", config.max_tokens, 1, 1 << 30);
    if (config.base_tokens == config.max_tokens)
        read.complain("max_image_seq_len", "other than base_image_seq_len", config.max_tokens);
    read.real("shift_terminal", config.shift_terminal, 0, 0.999);
    read.word("time_shift_type", config.time_shift, {"exponential", "linear"});
    read.boolean("stochastic_sampling", config.stochastic_sampling);
    bool inverted = false;
    read.boolean("invert_sigmas", inverted);
    if (inverted) read.complain("invert_sigmas", "false: inverted time is not supported", true);
}

}   // namespace

Result<SchedulerConfig> parse_scheduler_config(std::string_view text) {
    const Json json = Json::parse(text.begin(), text.end(), nullptr, false);
    if (json.is_discarded()) return Error{Status::bad_file, "scheduler_config.json: not JSON"};
    if (!json.is_object())
        return Error{Status::bad_file, "scheduler_config.json: expected an object"};

    SchedulerConfig config;
    Reader read(json);
    if (const Json* name = read.find("_class_name")) {
        if (name->is_string())
            config.class_name = name->get<std::string>();
        else
            read.complain("_class_name", "a string", *name);
    }
    config.cosine = config.class_name == "CosineDPMSolverMultistepScheduler";
    if (is_flow_class(config.class_name)) config.prediction = Prediction::flow;
    if (config.cosine) config.prediction = Prediction::v;
    if (const Json* name = read.find("prediction_type"); name && *name == "original_sample")
        config.prediction = Prediction::sample;
    else
        read.word("prediction_type", config.prediction,
                  {"epsilon", "v_prediction", "sample", "flow_prediction"});
    read_betas(read, config);
    read_spacing(read, config);
    if (config.cosine) read_cosine(read, config);
    read_sample_rules(read, config);
    read_solver(read, config);
    read_flow(read, config);
    if (config.use_flow_sigmas) config.prediction = Prediction::flow;
    if (read.error_) return *read.error_;
    return config;
}

}   // namespace kiln
