// Stable Audio Open's networks against diffusers, with weights that a hash makes:
// tools/reference/stable_audio.py is the other half.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "modalities/audio/oobleck.h"
#include "modalities/audio/stable_audio.h"
#include "modalities/audio/waveform_autoencoder.h"
#include "runtime/graph/graph.h"
#include "runtime/io/json.h"
#include "tests/support/device.h"
#include "tests/support/hashed_model.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr double kTolerance = 1e-4;   // relative L2

struct Model {
    std::shared_ptr<Device> device = test_device();
    TemporaryFolder folder;
    nlohmann::json config;
    std::shared_ptr<const TensorFiles> files;
    Weights weights;

    explicit Model(const std::string& name)
        : folder("stable-audio"),
          config(golden(name).at("config")),
          files(write(name)),
          weights(device, files) {}
    JsonObject json() const { return {config, "config.json"}; }

    static const nlohmann::json& golden(const std::string& name) {
        static const nlohmann::json document =
            take(read_json(KILN_GOLDEN_DIR "/audio/stable_audio.json"));
        return document.at("models").at(name);
    }
    std::shared_ptr<const TensorFiles> write(const std::string& name) const {
        Tensors tensors;
        collect(golden(name).at("tensors"), "", tensors);
        for (auto& [key, tensor] : tensors)
            tensor.second = key.ends_with("weight_g")
                                ? noise(key, tensor.first.count(), 0.3f, 1 / 0.3f)
                                : weight(key, tensor.first);
        const fs::path file = folder.path / "model.safetensors";
        write_tensors(file, tensors);
        return std::make_shared<TensorFiles>(take(TensorFiles::open(file.string())));
    }
};

double off(const std::vector<float>& found, const std::string& name) {
    const Safetensors goldens =
        take(Safetensors::open(KILN_GOLDEN_DIR "/audio/stable_audio.safetensors"));
    return relative_l2(found, expected(goldens, name));
}

// Noise as the reference drew it, [n, c, t], to [n, t, c].
std::vector<float> lengthwise(const std::string& name, int64_t n, int64_t c, int64_t t,
                              float scale = 1) {
    const std::vector<float> values = noise(name, n * c * t, scale);
    std::vector<float> turned(values.size());
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t j = 0; j < t; j++)
                turned[size_t((i * t + j) * c + k)] = values[size_t((i * c + k) * t + j)];
    return turned;
}

using Values = std::vector<std::pair<Tensor, std::vector<float>>>;

std::vector<float> run(const Model& model, const Tensor& output, const Values& inputs) {
    Graph graph = take(Graph::compile(model.device, {output}));
    for (const auto& [tensor, values] : inputs) take(graph.write(tensor, values));
    take(graph.run());
    check_silent(*model.device);
    return take(graph.read());
}

}   // namespace

TEST_CASE("Oobleck agrees with diffusers, both ways", "[gpu]") {
    Model model("oobleck");
    const OobleckConfig config = take(parse_oobleck_config(model.json()));
    REQUIRE(config.factor() == 8);
    const OobleckEncoder encoder(model.weights, config);
    const OobleckDecoder decoder(model.weights, config);
    CHECK(unclaimed(*model.files, model.weights.claimed()).empty());
    const Tensor waveform = input("waveform", {2, 9 * config.factor(), 2});
    CHECK(off(run(model, encoder(waveform), {{waveform, lengthwise("waveform", 2, 2, 72)}}),
              "oobleck.moments") < kTolerance);
    const Tensor latent = input("latent", {2, 11, 4});
    CHECK(off(run(model, decoder(latent), {{latent, lengthwise("latent", 2, 4, 11, 2)}}),
              "oobleck.waveform") < kTolerance);
}

// A network's output depends on `halo` latents to either side of it, and not on one less: the
// number is no larger than it must be.
TEST_CASE("what Oobleck's samples and latents depend on is as far as it is said to be", "[gpu]") {
    Model model("oobleck");
    const OobleckConfig config = take(parse_oobleck_config(model.json()));
    const OobleckEncoder encoder(model.weights, config);
    const OobleckDecoder decoder(model.weights, config);
    const int64_t middle = 40, all = 81, factor = config.factor();
    // How far from the middle the output changes when the input changes there only, in latents.
    const auto reach = [&](const Tensor& out, const Tensor& in, int64_t out_size) {
        std::vector<float> values = noise("reach", in.shape().count(), 0.5f);
        const auto before = run(model, out, {{in, values}});
        const int64_t each = in.shape().count() / all;
        for (int64_t i = middle * each; i < (middle + 1) * each; i++) values[size_t(i)] += 1;
        const auto after = run(model, out, {{in, values}});
        int64_t first = all, last = 0;
        for (int64_t i = 0; i < all * out_size; i++)
            if (before[size_t(i)] != after[size_t(i)])
                first = std::min(first, i / out_size), last = std::max(last, i / out_size);
        return std::max(middle - first, last - middle);
    };
    const Tensor latent = input("latent", {1, all, config.latent_channels});
    CHECK(reach(decoder(latent), latent, factor * 2) <= config.decoder_halo());
    CHECK(reach(decoder(latent), latent, factor * 2) >= config.decoder_halo() - 1);
    const Tensor waveform = input("waveform", {1, all * factor, 2});
    CHECK(reach(encoder(waveform), waveform, 8) <= config.encoder_halo());
    CHECK(reach(encoder(waveform), waveform, 8) >= config.encoder_halo() - 1);
}

TEST_CASE("Oobleck in pieces makes what it makes of the whole, both ways", "[gpu]") {
    Model model("oobleck");
    const OobleckConfig config = take(parse_oobleck_config(model.json()));
    std::unordered_set<std::string> claimed;
    WaveformAutoencoder coder(model.device, std::make_shared<Workspace>(model.device),
                              {model.files, {}}, config, {}, claimed);
    CHECK(unclaimed(*model.files, claimed).empty());
    const int factor = config.factor(), latents = 211;
    const auto latent = noise("long latent", int64_t(latents) * 4, 2);
    const auto waveform = noise("long waveform", int64_t(latents) * factor * 2);
    const auto whole = coder.decode(latent, latents, 1, DType::f32, 0, {});
    const auto heard = coder.encode(waveform, latents * factor, 1, 0, {});
    REQUIRE(whole.size() == size_t(latents * factor * 2));
    for (const int tile : {1, 7, 40, 300}) {
        CAPTURE(tile);
        std::vector<int> told;
        coder.tell([&](int done, int) { told.push_back(done); });
        CHECK(relative_l2(coder.decode(latent, latents, 1, DType::f32, tile * factor, {}), whole) <
              1e-6);
        coder.tell({});
        CHECK(told.back() == latents);
        if (tile < 40) CHECK(told.size() > 2);
        const auto parts = coder.encode(waveform, latents * factor, 1, tile * factor, {});
        CHECK(relative_l2(parts.mean, heard.mean) < 1e-6);
        CHECK(relative_l2(parts.deviation, heard.deviation) < 1e-6);
    }
    CHECK(coder.release());
    CHECK(!coder.release());
    CHECK(relative_l2(coder.decode(latent, latents, 1, DType::f16, 40 * factor, {}), whole) < 0.02);
    int asked = 0;
    CHECK_THROWS_AS(
        coder.decode(latent, latents, 1, DType::f32, 40 * factor, [&] { return ++asked > 2; }),
        ResultError);
    check_silent(*model.device);
}

TEST_CASE("the transformer of Stable Audio agrees with diffusers", "[gpu]") {
    Model model("transformer");
    const StableAudioConfig config = take(parse_stable_audio_config(model.json()));
    const StableAudioTransformer transformer(model.weights, config);
    CHECK(unclaimed(*model.files, model.weights.claimed()).empty());
    const StableAudioInputs in{.latent = input("latent", {2, config.length, config.in_channels}),
                               .timestep = input("timestep", {2}),
                               .context = input("context", {2, 7, config.context_input}),
                               .global = input("global", {2, config.global_input})};
    const std::vector<float> prediction =
        run(model, transformer(in),
            {{in.latent, lengthwise("dit.latent", 2, config.in_channels, config.length, 2)},
             {in.timestep, {0.25f, 0.99f}},
             {in.context, noise("dit.context", 2 * 7 * config.context_input)},
             {in.global, noise("dit.global", 2 * config.global_input)}});
    CHECK(off(prediction, "transformer") < kTolerance);
}

TEST_CASE("text and seconds are projected as diffusers does", "[gpu]") {
    Model model("projection");
    const auto config = take(parse_stable_audio_projection_config(model.json()));
    const StableAudioProjection projection(model.weights, config);
    CHECK(unclaimed(*model.files, model.weights.claimed()).empty());
    const Tensor states = input("states", {2, 5, config.text}), seconds = input("seconds", {2});
    CHECK(off(run(model, projection.of_text(states), {{states, noise("states", 2 * 5 * 20)}}),
              "projection.text") < kTolerance);
    CHECK(off(run(model, projection.of_start(seconds), {{seconds, {0.0f, 3.5f}}}),
              "projection.start") < kTolerance);
    CHECK(off(run(model, projection.of_end(seconds), {{seconds, {47.5f, 900.0f}}}),
              "projection.end") < kTolerance);
}

TEST_CASE("networks of Stable Audio that are not built are refused by key") {
    const auto refused = [](auto parse, const char* json, const char* key) {
        const nlohmann::json document = nlohmann::json::parse(json);
        const auto config = parse(JsonObject(document, "config.json"));
        REQUIRE(!config);
        CHECK(config.error().status == Status::bad_file);
        INFO(config.error().message);
        CHECK(config.error().message.find(key) != std::string::npos);
    };
    refused(parse_oobleck_config, R"({"downsampling_ratios": [3]})", "channel_multiples");
    refused(parse_oobleck_config, R"({"downsampling_ratios": [3, 4, 4, 8, 8]})",
            "downsampling_ratios");
    refused(parse_oobleck_config, R"({"downsampling_ratios": [64, 64, 64, 8, 8]})",
            "downsampling_ratios");
    refused(parse_oobleck_config, R"({"audio_channels": 6})", "audio_channels");
    refused(parse_oobleck_config, R"({"encoder_hidden_size": 96})", "encoder_hidden_size");
    refused(parse_oobleck_config, R"({"decoder_channels": 100000})", "decoder_channels");
    refused(parse_stable_audio_config, R"({"num_key_value_attention_heads": 5})",
            "num_key_value_attention_heads");
    refused(parse_stable_audio_config, R"({"attention_head_dim": 30})", "attention_head_dim");
    refused(parse_stable_audio_config, R"({"out_channels": 32})", "out_channels");
    refused(parse_stable_audio_projection_config, R"({"max_value": -1})", "max_value");
}
