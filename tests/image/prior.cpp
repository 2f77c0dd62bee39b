// Models as priors of score distillation: predictions are those of the pipeline, whatever else runs
// beside them, and gradients by pictures are those of the encoder.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>

#include "modalities/diffusion/distillation.h"
#include "modalities/diffusion/latent.h"
#include "modalities/image/prior.h"
#include "tests/image/models.h"
#include "tests/support/device.h"
#include "tests/support/matchers.h"

using namespace kiln;
using namespace kiln::test;

namespace {

std::unique_ptr<ImagePrior> prior_of(const fs::path& folder) {
    return take(ImagePrior::open(test_device(), folder.string()));
}

std::vector<float> normal(size_t count, uint64_t seed) {
    std::vector<float> values(count);
    TorchGenerator(seed).normal(values);
    return values;
}

}   // namespace

TEST_CASE("a picture drawn through the prior is the pipeline's", "[gpu]") {
    // Noise, velocity, and noise under two encoders with sizes and a pooled text.
    const std::string model = GENERATE("sd1", "sd2", "sdxl");
    TemporaryFolder folder("prior-" + model);
    write_model(model, folder.path);
    const auto prior = prior_of(folder.path);
    const PriorInfo& info = prior->info();
    const ImageRequest request{.prompt = "a red cube",
                               .negative = "blue",
                               .width = info.picture_width,
                               .height = info.picture_height,
                               .steps = 3,
                               .cfg = 5,
                               .sampler = "ddim",
                               .seed = 7};
    const Image picture =
        take(take(ImagePipeline::open(test_device(), folder.path.string())).run(request))[0].image;

    const PromptEmbedding wanted = take(prior->embed("a red cube")),
                          negative = take(prior->embed("blue"));
    Latent x = normal(info.latent_size(), 7);
    const auto noise = take(make_noise("torch", std::array<uint64_t, 1>{7}));
    const auto sampler = take(make_sampler(
        "ddim",
        take(parse_scheduler_config(
            golden_document(model).at("files").at("scheduler/scheduler_config.json").dump())),
        {.steps = 3}, *noise));
    sampler->scale_initial_noise(x);
    take(run_denoising(*sampler, x, {.scale = 5}, 1, [&](const NetworkCall& call) {
        const int t = int(call.timestep);
        const std::vector<Evaluation> both = {{call.input, t, &negative}, {call.input, t, &wanted}};
        std::vector<Latent> predicted = take(prior->predict(both));
        return Result<NetworkOutput>(NetworkOutput{predicted[1], predicted[0]});
    }));
    const std::vector<float> pixels = take(prior->decode(x));
    double worst = 0;
    for (size_t i = 0; i < pixels.size(); i++)
        worst = std::max(worst, std::abs(255 * double(pixels[i]) - double(picture.pixels[i])));
    CHECK(worst < 1);
}

TEST_CASE("evaluations run together as they do alone", "[gpu]") {
    TemporaryFolder folder("prior-together");
    write_model("sd1", folder.path);
    const auto prior = prior_of(folder.path);
    const size_t size = prior->info().latent_size();
    const PromptEmbedding texts[] = {take(prior->embed("a red cube")), take(prior->embed("a cat")),
                                     take(prior->embed(std::nullopt))};
    std::vector<Latent> latents;
    std::vector<Evaluation> all;
    for (uint64_t i = 0; i < 11; i++) latents.push_back(normal(size, i));
    for (size_t i = 0; i < latents.size(); i++)
        all.push_back({latents[i], int(i * 90), &texts[i % 3]});
    const std::vector<Latent> together = take(prior->predict(all));
    REQUIRE(together.size() == all.size());
    for (size_t i : {size_t(0), size_t(4), size_t(10)})
        CHECK(relative_l2(together[i], take(prior->predict({&all[i], 1}))[0]) < 1e-5);
    CHECK(relative_l2(together[0], together[3]) > 1e-2);
}

TEST_CASE("gradients by pictures are those of the encoder", "[gpu]") {
    TemporaryFolder folder("prior-encoder");
    write_model("sd1", folder.path);
    const auto prior = prior_of(folder.path);
    const PriorInfo& info = prior->info();
    PictureEncoder& encoder = prior->encoder();
    std::vector<float> pictures = normal(2 * info.picture_size(), 1);
    for (float& v : pictures) v = 0.5f + 0.1f * v;
    const std::vector<float> slopes = normal(2 * info.latent_size(), 2),
                             direction = normal(pictures.size(), 3);
    const auto loss = [&](double step) {
        std::vector<float> moved = pictures;
        for (size_t i = 0; i < moved.size(); i++) moved[i] += float(step) * direction[i];
        const std::vector<float> latents = take(encoder.encode(moved));
        double sum = 0;
        for (size_t i = 0; i < latents.size(); i++) sum += double(latents[i]) * double(slopes[i]);
        return sum;
    };
    const double step = 2e-3, numeric = (loss(step) - loss(-step)) / (2 * step);
    take(encoder.encode(pictures));
    const std::vector<float> gradient = take(encoder.pull_back(slopes));
    double along = 0;
    for (size_t i = 0; i < gradient.size(); i++) along += double(gradient[i]) * direction[i];
    INFO(numeric << " by differences, " << along << " by the gradient");
    CHECK(std::abs(numeric - along) < 1e-2 * std::abs(along));
    CHECK(std::abs(along) > 1e-3);
}

TEST_CASE("models that repaint are no priors", "[gpu]") {
    TemporaryFolder folder("prior-inpaint");
    write_model("inpaint", folder.path);
    const auto refused = ImagePrior::open(test_device(), folder.path.string());
    REQUIRE(!refused);
    CHECK(refused.error().status == Status::usage);
}
