// Bad files and bad requests, and the loop around a sampler.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "modalities/diffusion/latent.h"

namespace kiln {
namespace {

Result<std::unique_ptr<Sampler>> with(const std::string& name, const std::string& json,
                                      const SamplerRequest& request) {
    static const uint64_t seeds[] = {1};
    static const auto noise = take(make_noise("torch", seeds));
    const auto config = parse_scheduler_config(json);
    if (!config) return config.error();
    return make_sampler(name, *config, request, *noise);
}

Network constant(float conditional, float unconditional) {
    return [=](const NetworkCall& call) -> Result<NetworkOutput> {
        NetworkOutput output{Latent(call.input.size(), conditional), {}};
        if (call.guided) output.unconditional = Latent(call.input.size(), unconditional);
        return output;
    };
}

}   // namespace

TEST_CASE("a bad scheduler_config.json is an error that names the key") {
    const std::pair<const char*, const char*> cases[] = {
        {"{", "not JSON"},
        {"[]", "object"},
        {R"({"beta_schedule": "cubic"})", "beta_schedule"},
        {R"({"beta_start": "small"})", "beta_start"},
        {R"({"beta_end": 2})", "beta_end"},
        {R"({"num_train_timesteps": 0})", "num_train_timesteps"},
        {R"({"num_train_timesteps": 10.5})", "num_train_timesteps"},
        {R"({"prediction_type": "score"})", "prediction_type"},
        {R"({"timestep_spacing": 3})", "timestep_spacing"},
        {R"({"use_karras_sigmas": true, "use_beta_sigmas": true})", "use_karras_sigmas"},
        {R"({"trained_betas": [0.1, 0.2]})", "trained_betas"},
        {R"({"solver_order": 9})", "solver_order"},
        {R"({"clip_sample": "yes"})", "clip_sample"},
        {R"({"shift": -1})", "shift"},
        {R"({"_class_name": 4})", "_class_name"},
        {"{\"beta_schedule\": \"\xff\"}", ""},
    };
    for (const auto& [json, named] : cases) {
        INFO(json);
        const auto config = parse_scheduler_config(json);
        REQUIRE(!config.ok());
        CHECK(config.error().status == Status::bad_file);
        CHECK(config.error().message.find(named) != std::string::npos);
    }
    CHECK(parse_scheduler_config(R"({"trained_betas": null, "unknown": 1})").ok());
}

TEST_CASE("a bad request is an error that says what is possible") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(with("euler", "{}", {.steps = 20}).ok());
    CHECK(!with("euler", "{}", {.steps = 0}).ok());
    CHECK(!with("euler", "{}", {.steps = -3}).ok());
    CHECK(!with("euler", "{}", {.steps = 1001}).ok());
    CHECK(!with("euler", "{}", {.strength = 0}).ok());
    CHECK(!with("euler", "{}", {.strength = nan}).ok());
    CHECK(!with("euler", "{}", {.steps = 4, .strength = 0.2}).ok());
    CHECK(!with("ddim", "{}", {.eta = nan}).ok());
    CHECK(!with("ddim", "{}", {.samples = 3, .seeds = {1, 2}}).ok());
    CHECK(!with("lcm", "{}", {.steps = 51}).ok());
    CHECK(!with("ddim", R"({"steps_offset": 1})", {.steps = 1000}).ok());
    CHECK(!with("ddim", R"({"beta_start": 0})", {}).ok());

    const auto sampler = with("eulre", "{}", {});
    REQUIRE(!sampler.ok());
    CHECK(sampler.error().status == Status::usage);
    CHECK(sampler.error().message.find("euler_a, heun") != std::string::npos);
    const auto schedule = with("euler", "{}", {.schedule = "fast"});
    REQUIRE(!schedule.ok());
    CHECK(schedule.error().message.find("karras") != std::string::npos);
    const auto zero = with("ddim", R"({"rescale_betas_zero_snr": true})", {});
    REQUIRE(!zero.ok());
    CHECK(zero.error().message.find("v_prediction") != std::string::npos);
    CHECK(!with("ddim", R"({"_class_name": "FlowMatchEulerDiscreteScheduler"})", {}).ok());
    CHECK(!with("euler", R"({"prediction_type": "flow_prediction", "use_dynamic_shifting": true})",
                {})
               .ok());
}

TEST_CASE("the file's scheduler class decides the sampler") {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"_class_name": "PNDMScheduler"})", "pndm"},
        {R"({"_class_name": "EulerDiscreteScheduler"})", "euler"},
        {R"({"_class_name": "DDIMScheduler"})", "ddim"},
        {R"({"_class_name": "DPMSolverMultistepScheduler"})", "dpmpp_2m"},
        {R"({"_class_name": "DPMSolverMultistepScheduler",
             "algorithm_type": "sde-dpmsolver++"})",
         "dpmpp_2m_sde"},
        {R"({"_class_name": "LCMScheduler"})", "lcm"},
        {R"({"_class_name": "FlowMatchEulerDiscreteScheduler"})", "euler"},
    };
    for (const auto& [json, name] : cases)
        CHECK(take(default_sampler(take(parse_scheduler_config(json)))) == name);
    const auto unknown =
        default_sampler(take(parse_scheduler_config(R"({"_class_name": "Mine"})")));
    REQUIRE(!unknown.ok());
    CHECK(unknown.error().message.find("Mine") != std::string::npos);
    CHECK(unknown.error().message.find("dpmpp_2m") != std::string::npos);
}

TEST_CASE("guidance extrapolates, and rescaling restores the deviation") {
    const Latent without = {0, 1, 2, 3, 4, 5}, with_condition = {1, 1, 3, 2, 9, 5};
    CHECK(guide({.scale = 3}, without, with_condition, 2) == Latent{3, 1, 5, 0, 19, 5});
    const Latent full = guide({.scale = 3, .rescale = 1}, without, with_condition, 2);
    const auto deviation = [](const Latent& x, int at) {
        const double mean = (double(x[at]) + x[at + 1] + x[at + 2]) / 3;
        double sum = 0;
        for (int k = 0; k < 3; ++k) sum += std::pow(x[at + k] - mean, 2);
        return std::sqrt(sum / 2);
    };
    for (int at : {0, 3})
        CHECK(std::fabs(deviation(full, at) - deviation(with_condition, at)) < 1e-5);
}

TEST_CASE("the loop guides only above scale one, reports every step, and can be cancelled") {
    auto sampler = take(with("euler", R"({"timestep_spacing": "trailing"})", {.steps = 5}));
    Latent x(24, 1.0f);
    int reports = 0, guided = 0;
    const Network network = [&](const NetworkCall& call) {
        guided += call.guided;
        return constant(0.1f, 0.2f)(call);
    };
    LoopHooks hooks{.progress = [&](const LoopEvent& event) {
        CHECK(event.step == ++reports);
        CHECK(event.steps == 5);
        CHECK(event.denoised.size() == 24);
    }};
    take(run_denoising(*sampler, x, {.scale = 1}, 1, network, hooks));
    CHECK(reports == 5);
    CHECK(guided == 0);

    sampler = take(with("euler", R"({"timestep_spacing": "trailing"})", {.steps = 5}));
    hooks = {.cancelled = [&] { return guided == 2; }};
    const auto cancelled = run_denoising(*sampler, x, {.scale = 4}, 1, network, hooks);
    REQUIRE(!cancelled.ok());
    CHECK(cancelled.error().status == Status::interrupted);
    CHECK(sampler->done() == 2);
}

TEST_CASE("a prediction that is not finite ends the loop with the status for it") {
    for (float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        const auto sampler = take(with("unipc", "{}", {.steps = 3}));
        Latent x(24, 1.0f);
        const auto run = run_denoising(*sampler, x, {}, 1, constant(bad, 0));
        REQUIRE(!run.ok());
        CHECK(run.error().status == Status::not_finite);
        CHECK(run.error().message.find("step 1 of 3") != std::string::npos);
    }
}

TEST_CASE("levels without timesteps refuse samplers that need them") {
    const auto config =
        take(parse_scheduler_config(R"({"_class_name": "CosineDPMSolverMultistepScheduler"})"));
    CHECK(take(default_sampler(config)) == "dpmpp_2m_sde");
    const uint64_t seeds[] = {1};
    const auto noise = take(make_noise("torch", seeds));
    for (const std::string& name : sampler_names()) {
        INFO(name);
        const auto sampler = make_sampler(name, config, {.steps = 10}, *noise);
        const bool steps_over_grid =
            name == "ddim" || name == "ddpm" || name == "pndm" || name == "lcm" || name == "tcd";
        CHECK(bool(sampler) == !steps_over_grid);
        if (!sampler) CHECK(sampler.error().status == Status::usage);
    }
    for (const char* wrong : {R"("sigma_data": 0.5)", R"("rho": 3)", R"("sigma_min": 900)",
                              R"("prediction_type": "sample")", R"("sigma_schedule": "beta")"}) {
        INFO(wrong);
        const auto parsed = parse_scheduler_config(
            R"({"_class_name": "CosineDPMSolverMultistepScheduler", )" + std::string(wrong) + "}");
        REQUIRE(!parsed);
        CHECK(parsed.error().status == Status::bad_file);
    }
}

}   // namespace kiln
