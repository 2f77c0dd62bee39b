// CLAP's audio tower against transformers, with weights that a hash makes:
// tools/reference/clap_audio.py is the other half.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <regex>

#include "modalities/audio/clap_audio.h"
#include "runtime/graph/graph.h"
#include "runtime/io/json.h"
#include "tests/support/device.h"
#include "tests/support/hashed_model.h"

using namespace kiln;
using namespace kiln::test;

namespace {

const nlohmann::json& golden(const std::string& name) {
    static const nlohmann::json json = take(read_json(KILN_GOLDEN_DIR "/audio/clap_audio.json"));
    return json.at("models").at(name);
}

Tensors tensors_of(const std::string& name) {
    Tensors tensors;
    collect(golden(name).at("tensors"), "", tensors);
    for (auto& [key, tensor] : tensors) {
        tensor.second = weight(key, tensor.first);
        if (key.ends_with("running_var"))
            for (float& value : tensor.second) value = std::abs(value) * 4 + 0.5f;
    }
    return tensors;
}

// As CLAP's own code names them, behind the prefix that AudioLDM's checkpoint gives them.
Tensors original(const Tensors& tensors) {
    static const std::pair<std::regex, std::string> kRenames[] = {
        {std::regex("audio_model\\.audio_encoder\\.batch_norm"), "audio_branch.bn0"},
        {std::regex("audio_model\\.audio_encoder"), "audio_branch"},
        {std::regex("layernorm_before"), "norm1"},
        {std::regex("layernorm_after"), "norm2"},
        {std::regex("attention\\.output\\.dense"), "attn.proj"},
        {std::regex("attention\\.self\\.query"), "attn.qkv"},
        {std::regex("attention\\.self\\.relative"), "attn.relative"},
        {std::regex("intermediate\\.dense"), "mlp.fc1"},
        {std::regex("output\\.dense"), "mlp.fc2"},
        {std::regex("audio_projection\\.linear1"), "audio_projection.0"},
        {std::regex("audio_projection\\.linear2"), "audio_projection.2"}};
    Tensors result;
    for (const auto& [key, tensor] : tensors) {
        if (key.find("self.key") != key.npos || key.find("self.value") != key.npos) continue;
        auto joined = tensor;
        if (const size_t at = key.find("self.query"); at != key.npos) {
            for (const char* other : {"self.key", "self.value"}) {
                std::string name = key;
                const auto& values = tensors.at(name.replace(at, 10, other)).second;
                joined.second.insert(joined.second.end(), values.begin(), values.end());
            }
            joined.first[0] *= 3;
        }
        std::string name = key;
        for (const auto& [theirs, ours] : kRenames) name = std::regex_replace(name, theirs, ours);
        result["cond_stage_model.model." + name] = joined;
    }
    return result;
}

void check(const std::string& name, const Tensors& tensors, bool renamed) {
    const TemporaryFolder folder("clap-audio");
    const std::string file = (folder.path / "model.safetensors").string();
    write_tensors(file, tensors);
    const auto files = std::make_shared<TensorFiles>(take(TensorFiles::open(file)));
    NameMap map;
    if (renamed) {
        std::vector<std::string> names;
        for (const auto& [key, entry] : files->entries()) names.push_back(key);
        map = clap_audio_names(names, "cond_stage_model.model.");
    }
    const auto device = test_device();
    const nlohmann::json& model = golden(name);
    Weights weights(device, files, {.names = map});
    const ClapAudioConfig config =
        take(parse_clap_audio_config(JsonObject(model.at("config"), "config.json")));
    const ClapAudio tower(weights, config);
    CHECK(unclaimed(*files, weights.claimed()).empty());
    const Shape shape{model.at("batch"), model.at("frames"), config.mels};
    const Tensor mel = input("mel", shape);
    Graph graph = take(Graph::compile(device, {tower.features(mel)}));
    take(graph.write(mel, noise(name + ".mel", shape.count(), 3)));
    take(graph.run());
    check_silent(*device);
    const Safetensors goldens =
        take(Safetensors::open(KILN_GOLDEN_DIR "/audio/clap_audio.safetensors"));
    CHECK(relative_l2(take(graph.read()), expected(goldens, name)) < 1e-4);
}

}   // namespace

TEST_CASE("the audio tower of CLAP agrees with transformers", "[gpu]") {
    const std::string name = GENERATE("small", "other", "released");
    CAPTURE(name);
    check(name, tensors_of(name), false);
}

TEST_CASE("the audio tower is read by the names of CLAP's own code", "[gpu]") {
    check("small", original(tensors_of("small")), true);
}

TEST_CASE("audio towers that are not built are refused by key") {
    const auto refused = [](const char* json, const char* key) {
        const nlohmann::json document = nlohmann::json::parse(json);
        const auto config = parse_clap_audio_config(JsonObject(document, "config.json"));
        REQUIRE(!config);
        CHECK(config.error().status == Status::bad_file);
        CHECK(config.error().message.find(key) != std::string::npos);
    };
    refused(R"({"enable_fusion": true})", "enable_fusion");
    refused(R"({"spec_size": 250})", "spec_size");
    refused(R"({"num_mel_bins": 1000})", "spec_size");
    refused(R"({"window_size": 7})", "window_size");
    refused(R"({"depths": [2, 2]})", "num_attention_heads");
    refused(R"({"depths": [0, 2, 2, 2]})", "depths");
    refused(R"({"patch_stride": [4, 2]})", "patch_stride");
    refused(R"({"mlp_ratio": -1})", "mlp_ratio");
    refused(R"({"audio_config": {"patch_embeds_hidden_size": 90}})", "num_attention_heads");
    refused(R"({"audio_config": 3})", "audio_config");
}
