// AudioLDM 2 against diffusers: its U-Net, whose layers look at two texts, and whole sounds by
// seed. tools/reference/audioldm2.py is the other half.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <memory>

#include "modalities/audio/audio_model.h"
#include "modalities/latent/unet.h"
#include "runtime/graph/graph.h"
#include "tests/audio/short_sounds.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("AudioLDM 2's U-Net agrees with diffusers", "[gpu]") {
    const auto device = test_device(GENERATE(from_range(kProfiles)));
    const nlohmann::json golden = audio_golden("audioldm2");
    const TemporaryFolder folder("audioldm2");
    Tensors tensors;
    collect(golden.at("tensors").at("unet/diffusion_pytorch_model.safetensors"), "", tensors);
    for (auto& [name, tensor] : tensors) tensor.second = weight(name, tensor.first);
    write_tensors(folder.path / "model.safetensors", tensors);
    const auto files = std::make_shared<TensorFiles>(take(TensorFiles::open_folder(folder.path)));
    Weights weights(device, files);
    const UNetConfig config = take(parse_unet_config(
        JsonObject(golden.at("files").at("unet/config.json"), "unet/config.json")));
    CHECK(config.chain(0) == std::vector<int>{0, 48, 40});
    CHECK(config.context == std::vector<int>{48, 48});
    const UNet unet(weights, config);
    CHECK(unclaimed(*files, weights.claimed()).empty());

    const UNetInputs in{.latent = input("latent", {2, 11, 6, 8}),
                        .timestep = input("timestep", {2}),
                        .context = input("generated", {2, 8, 48}),
                        .second_context = input("text", {2, 9, 40}),
                        .second_mask = input("mask", {2, 9})};
    Graph graph = take(Graph::compile(device, {unet(in)}));
    std::vector<float> mask(18, 1.0f);
    std::fill(mask.begin() + 5, mask.begin() + 9, 0.0f);
    take(graph.write(in.latent, channels_last(noise("latent", 2 * 8 * 11 * 6, 2), 2, 8)));
    take(graph.write(in.timestep, std::vector<float>{981.0f, 20.5f}));
    take(graph.write(in.context, noise("generated", 2 * 8 * 48, 2)));
    take(graph.write(in.second_context, noise("text", 2 * 9 * 40, 2)));
    take(graph.write(in.second_mask, mask));
    take(graph.run());
    check_silent(*device);
    CHECK(relative_l2(channels_first(take(graph.read()), 2, 8),
                      expected(audio_values("audioldm2"), "unet")) < 1e-4);
}

TEST_CASE("lists of contexts that make no sense are refused by key") {
    for (const char* wrong :
         {R"([[null, 768]])", R"([[], [null]])", R"([[null, -1], [null]])", R"([["text"], [null]])",
          R"([[1, 2, 3, 4, 5], [null]])", R"([[null], 768])"}) {
        INFO(wrong);
        const nlohmann::json document = nlohmann::json::parse(
            R"({"down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
                "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
                "block_out_channels": [32, 64], "cross_attention_dim": )" +
            std::string(wrong) + "}");
        const auto config = parse_unet_config(JsonObject(document, "unet/config.json"));
        REQUIRE(!config);
        CHECK(config.error().status == Status::bad_file);
        CHECK(config.error().message.find("cross_attention_dim") != std::string::npos);
    }
}

namespace {

AudioPipeline& audioldm2() {
    static const auto open = [] {
        const TemporaryFolder folder("pipeline-audioldm2");
        write_audio_model(folder.path, "audioldm2");
        return std::make_unique<AudioPipeline>(
            take(AudioPipeline::open(test_device(), folder.path.string())));
    }();
    return *open;
}

const nlohmann::json& cases() {
    static const nlohmann::json document = audio_golden("audioldm2");
    return document.at("cases");
}

}   // namespace

TEST_CASE("a seed gives the sound of AudioLDM 2 in diffusers", "[gpu]") {
    const std::string name = GENERATE(from_range(names_of(cases())));
    CAPTURE(name);
    CHECK(audioldm2().info().cfg == 3.5);
    CHECK(audioldm2().info().steps == 200);
    check_sound(audioldm2(), name, cases().at(name));
    check_silent(*test_device());
}
