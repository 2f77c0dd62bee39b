// Every network against diffusers and transformers, on small models of each published shape.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "modalities/image/checkpoint.h"
#include "modalities/latent/layout.h"
#include "modalities/latent/unet.h"
#include "modalities/latent/vae.h"
#include "runtime/graph/graph.h"
#include "tests/image/models.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr double kTolerance = 1e-4;   // relative L2

std::vector<float> channels_last(const std::vector<float>& x, int64_t n, int64_t c, int64_t area) {
    std::vector<float> result(x.size());
    to_channels_last(x, result.data(), n, c, area, c);
    return result;
}

std::vector<float> channels_first(const std::vector<float>& x, int64_t n, int64_t c, int64_t area) {
    std::vector<float> result(x.size());
    to_channels_first(x, result.data(), n, c, area);
    return result;
}

std::vector<int32_t> golden_ids(const std::string& name, int vocabulary) {
    std::vector<int32_t> ids;
    for (float value : noise(name, 77))
        ids.push_back(int32_t((value + 1) * 0.5f * float(vocabulary - 2)));
    std::fill(ids.begin() + 50, ids.end(), vocabulary - 1);
    return ids;
}

void check_text(const std::shared_ptr<Device>& device, const CheckpointText& text,
                const Safetensors& goldens, const std::string& prefix) {
    Weights weights(device, text.part.files, {.names = text.part.names});
    const ClipText model(weights, text.config);
    const Tensor ids = input("ids", {1, 77}, DType::i32), end = input("end", {1}, DType::i32);
    const auto states = model(ids);
    Graph graph =
        take(Graph::compile(device, {states[states.size() - 2], model.pooled(states.back(), end),
                                     model.final_norm(states.back())}));
    const std::vector<int32_t> tokens =
        golden_ids("ids" + prefix.substr(4), text.config.vocabulary);
    const int32_t at = text.config.pooled_position(tokens);
    take(graph.write_i32(ids, tokens));
    take(graph.write_i32(end, {&at, 1}));
    take(graph.run());
    CHECK(relative_l2(take(graph.read(0)), expected(goldens, prefix + ".hidden")) < kTolerance);
    CHECK(relative_l2(take(graph.read(1)), expected(goldens, prefix + ".pooled")) < kTolerance);
    if (goldens.find(prefix + ".last"))
        CHECK(relative_l2(take(graph.read(2)), expected(goldens, prefix + ".last")) < kTolerance);
}

void check_unet(const std::shared_ptr<Device>& device, const Checkpoint& model,
                const Safetensors& goldens) {
    Weights weights(device, model.unet_part.files, {.names = model.unet_part.names});
    const UNetConfig& c = model.unet;
    const UNet unet(weights, c);
    UNetInputs in{.latent = input("latent", {2, 9, 7, c.in_channels}),
                  .timestep = input("timestep", {2}),
                  .context = input("context", {2, 77, c.context[0]})};
    const int64_t ids = model.aesthetic_score ? 5 : 6;
    if (c.addition_time_width) {
        in.pooled = input("pooled", {2, 24});
        in.time_ids = input("time_ids", {2, ids});
    }
    if (c.guidance_width) in.guidance = input("guidance", {2, c.guidance_width});
    Graph graph = take(Graph::compile(device, {unet(in)}));
    take(graph.write(in.latent, channels_last(noise("latent", 2 * c.in_channels * 63, 2), 2,
                                              c.in_channels, 63)));
    take(graph.write(in.timestep, std::vector<float>{981.0f, 20.5f}));
    take(graph.write(in.context, noise("context", 2 * 77 * c.context[0], 2)));
    if (in.pooled) take(graph.write(in.pooled, noise("pooled", 2 * 24, 2)));
    if (in.pooled) take(graph.write(in.time_ids, noise("time_ids", 2 * ids, 500, 1)));
    if (in.guidance) take(graph.write(in.guidance, noise("guidance", 2 * c.guidance_width)));
    take(graph.run());
    CHECK(relative_l2(channels_first(take(graph.read()), 2, 4, 63), expected(goldens, "unet")) <
          kTolerance);
}

void check_vae(const std::shared_ptr<Device>& device, const Checkpoint& model,
               const Safetensors& goldens) {
    Weights weights(device, model.vae_part.files, {.names = model.vae_part.names});
    const VaeDecoder decoder(weights, model.vae);
    const VaeEncoder encoder(weights, model.vae);
    CHECK(unclaimed(*model.vae_part.files, weights.claimed()).empty());
    const Tensor z = input("z", {1, 5, 3, 4}), picture = input("picture", {1, 40, 24, 3});
    Graph graph = take(Graph::compile(device, {decoder(z), encoder(picture)}));
    take(graph.write(z, channels_last(noise("z", 60, 4), 1, 4, 15)));
    take(graph.write(picture, channels_last(noise("picture", 3 * 960), 1, 3, 960)));
    take(graph.run());
    CHECK(relative_l2(channels_first(take(graph.read(0)), 1, 3, 960),
                      expected(goldens, "vae.picture")) < kTolerance);
    CHECK(relative_l2(channels_first(take(graph.read(1)), 1, 8, 15),
                      expected(goldens, "vae.moments")) < kTolerance);
}

}   // namespace

TEST_CASE("the networks of every model family agree with the published implementation", "[gpu]") {
    const std::string name = GENERATE("sd1", "sd2", "sdxl", "refiner", "lcm", "inpaint");
    CAPTURE(name);
    const auto device = test_device();
    TemporaryFolder folder("networks-" + name);
    write_model(name, folder.path);
    const Checkpoint model = take(open_checkpoint(folder.path.string()));
    const Safetensors goldens =
        take(Safetensors::open((kImageGoldens / (name + ".safetensors")).string()));
    const int first = name == "refiner" ? 1 : 0;
    for (size_t i = 0; i < model.texts.size(); i++)
        check_text(device, model.texts[i], goldens, "text" + std::to_string(first + int(i)));
    check_unet(device, model, goldens);
    check_vae(device, model, goldens);
    check_silent(*device);
}
