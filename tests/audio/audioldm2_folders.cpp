// Folders of AudioLDM 2: what is refused, the layout that is released, and devices that cannot hold
// all of it at once.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "modalities/audio/audio_model.h"
#include "modalities/audio/clap.h"
#include "tests/audio/short_sounds.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Folder {
    TemporaryFolder folder{"audioldm2-folder"};
    std::string path = folder.path.string();
    std::vector<std::string> warnings, notes;

    explicit Folder(const EditAudio& edit = {}) {
        write_audio_model(folder.path, "audioldm2", edit);
    }
    void set(const char* file, const char* key, const nlohmann::json& value) const {
        const std::string at = (folder.path / file).string();
        nlohmann::json config = take(read_json(at));
        config[key] = value;
        take(write_file(at, as_bytes(config.dump())));
    }
    AudioOptions options() {
        return {.log = [this](LogLevel level, std::string_view text) {
            (level >= LogLevel::warning ? warnings : notes).emplace_back(text);
        }};
    }
    void refused(const char* fact) const {
        const auto opened = open_audio_checkpoint(path);
        REQUIRE(!opened);
        CHECK(opened.error().status == Status::bad_file);
        CHECK_THAT(opened.error().message, ContainsSubstring(fact));
    }
};

AudioRequest request() { return {.prompt = "a bell", .seconds = 0.2, .steps = 2, .seed = 3}; }

std::vector<float> made(AudioPipeline& pipeline, const AudioRequest& r) {
    return take(pipeline.run(r)).at(0).sound.samples;
}

}   // namespace

TEST_CASE("a folder of AudioLDM 2 whose parts do not fit is refused with what differs") {
    const Folder model;
    SECTION("CLAP and the projection") {
        model.set("projection_model/config.json", "text_encoder_dim", 25);
        model.refused("24 and 25");
    }
    SECTION("T5 and the projection") {
        model.set("projection_model/config.json", "text_encoder_1_dim", 41);
        model.refused("40 and 41");
    }
    SECTION("the projection and the language model") {
        model.set("projection_model/config.json", "langauge_model_dim", 44);
        model.refused("44 and 48");
    }
    SECTION("the U-Net and the language model") {
        model.set("unet/config.json", "cross_attention_dim",
                  {{nullptr, 44, 40}, {nullptr, 44, 40}});
        model.refused("44 and 48");
    }
    SECTION("the U-Net and T5") {
        model.set("unet/config.json", "cross_attention_dim",
                  {{nullptr, 48, 44}, {nullptr, 48, 44}});
        model.refused("44 and 40");
    }
    SECTION("a U-Net for one text") {
        model.set("unet/config.json", "cross_attention_dim", 48);
        model.refused("two texts");
    }
    SECTION("the vocabulary of T5") {
        model.set("text_encoder_2/config.json", "vocab_size", 90);
        model.refused("the second text encoder knows 90 tokens");
    }
    SECTION("no room for a prompt") {
        model.set("language_model/config.json", "n_positions", 9);
        model.refused("9 positions has no room");
    }
    SECTION("another U-Net") {
        model.set("model_index.json", "unet", {"diffusers", "UNet2DConditionModel"});
        model.refused("expected AudioLDM2UNet2DConditionModel");
    }
    SECTION("a model of speech") {
        model.set("model_index.json", "text_encoder_2", {"transformers", "VitsModel"});
        model.refused("expected T5EncoderModel; found VitsModel");
    }
    SECTION("a language model of another kind") {
        model.set("model_index.json", "language_model", {"transformers", "LlamaModel"});
        model.refused("expected GPT2LMHeadModel; found LlamaModel");
    }
    SECTION("not listed") {
        model.set("model_index.json", "projection_model", nullptr);
        model.refused("expected AudioLDM2ProjectionModel; found none");
    }
}

TEST_CASE("a folder of AudioLDM 2 without a component is refused with its name") {
    const Folder model;
    const std::string part =
        GENERATE("unet", "vae", "vocoder", "text_encoder", "text_encoder_2", "projection_model",
                 "language_model", "tokenizer", "tokenizer_2", "scheduler");
    fs::remove_all(model.folder.path / part);
    model.refused(("/" + part).c_str());
}

TEST_CASE("a tensor that AudioLDM 2 lacks is named, and so is one that is not finite", "[gpu]") {
    std::string name;
    const auto edit = [&name](const char* part, const char* tensor, bool drop) {
        return [&name, part, tensor, drop](const std::string& file, Tensors& tensors) {
            if (!file.starts_with(part)) return;
            name = tensor;
            if (drop)
                tensors.erase(tensor);
            else
                tensors.at(tensor).second[1] = NAN;
        };
    };
    const bool drop = GENERATE(true, false);
    const auto [part, tensor] =
        GENERATE(std::pair{"projection_model/", "sos_embed_1"},
                 std::pair{"language_model/", "transformer.wpe.weight"},
                 std::pair{"text_encoder_2/", "encoder.final_layer_norm.weight"},
                 std::pair{"text_encoder/", "text_projection.linear1.weight"});
    const Folder model(edit(part, tensor, drop));
    auto opened = AudioPipeline::open(test_device(), model.path);
    const Error error = opened ? opened->run(request()).error() : opened.error();
    CHECK(error.status == (drop ? Status::bad_file : Status::not_finite));
    CHECK_THAT(error.message, ContainsSubstring(drop ? name.substr(name.find('.') + 1) : name));
}

TEST_CASE("every tensor of the released AudioLDM 2 has its place", "[gpu]") {
    const nlohmann::json document = audio_golden("audioldm2_released");
    Folder model;
    fs::remove_all(model.path);
    write_audio_files(model.path, document);
    // The small tokenizers stand for the released ones, but say which length those take.
    for (const char* file : {"tokenizer", "tokenizer_2"})
        model.set((std::string(file) + "/tokenizer_config.json").c_str(), "model_max_length", 512);
    const nlohmann::json files = whole(document.at("tensors"), document.at("parts"));
    int64_t parameters = 0;
    for (const auto& [file, tree] : files.items()) {
        Tensors tensors;
        collect(tree, "", tensors);
        for (const auto& [name, tensor] : tensors) parameters += tensor.first.count();
        write_shapes(fs::path(model.path) / file, tensors);
    }
    CHECK(parameters > 1'000'000'000);
    DeviceOptions limited = device_options();
    limited.memory_limit = 64u << 20;   // nothing is loaded
    const auto device = open_device(limited);
    AudioPipeline pipeline = take(AudioPipeline::open(device, model.path, model.options()));
    CHECK(model.warnings.empty());
    CHECK(pipeline.info().family == "AudioLDM 2 (folder)");
    CHECK(pipeline.info().sample_rate == 16000);
    CHECK(std::abs(pipeline.info().seconds - 10.24) < 1e-9);
    CHECK(pipeline.info().cfg == 3.5);
    const Clap clap(device, take(ClapFiles::open(model.path)));   // which ranks what was made
    CHECK(brings_clap(model.path));
    const auto refused = pipeline.run(request());
    REQUIRE(!refused);
    CHECK(refused.error().status == Status::out_of_memory);
    CHECK_THAT(refused.error().message, ContainsSubstring("the text encoder would fit within"));
}

TEST_CASE("AudioLDM 2 on a device that holds one network at a time makes the same sound", "[gpu]") {
    Folder model;
    AudioPipeline whole = take(AudioPipeline::open(test_device(), model.path, model.options()));
    CHECK(model.warnings.empty());
    const std::vector<float> expected = made(whole, request());
    DeviceOptions limited = device_options("");
    limited.memory_limit = 6u << 20;
    const auto device = open_device(limited);
    model.notes.clear();
    AudioPipeline pipeline = take(AudioPipeline::open(device, model.path, model.options()));
    CHECK_THAT(model.notes.at(0), ContainsSubstring("each network is loaded in turn"));
    const auto takes = pipeline.run(request());
    if (!takes) FAIL(takes.error().message);
    CHECK(largest_difference(takes->at(0).sound.samples, expected) < 1e-3);
    CHECK(device->memory().peak <= limited.memory_limit);
    check_silent(*device);
}

TEST_CASE("what AudioLDM makes of a request, AudioLDM 2 makes too", "[gpu]") {
    const Folder model;
    AudioPipeline pipeline = take(AudioPipeline::open(test_device(), model.path));
    AudioRequest r = request();
    const std::vector<float> plain = made(pipeline, r);
    SECTION("cancelled while the prompt is read, and run again") {
        const auto takes = pipeline.run(r, {.progress = {}, .cancelled = [] { return true; }});
        REQUIRE(!takes);
        CHECK(takes.error().status == Status::interrupted);
        CHECK(made(pipeline, r) == plain);
    }
    SECTION("guidance in two passes, and windows") {
        r.two_passes = true;
        CHECK(largest_difference(made(pipeline, r), plain) < 1e-3);
        r.window = 0.1;
        CHECK(largest_difference(made(pipeline, r), plain) > 1e-3);
    }
    SECTION("a loop, and parts of a sound") {
        r.loop = true;
        CHECK(made(pipeline, r).size() % 640 == 0);
        r.loop = false;
        r.init = Sound{.sample_rate = 16000, .channels = 1, .samples = noise("sound", 3200, 0.3f)};
        r.repaint = AudioSpan{0.1, 0.2};
        const std::vector<float> x = made(pipeline, r);
        REQUIRE(x.size() == 3200);
        for (size_t i = 0; i < 1600; i++) REQUIRE(x[i] == r.init->samples[i]);
    }
    SECTION("in half precision") {
        AudioPipeline half =
            take(AudioPipeline::open(test_device(), model.path, {.precision = Precision::f16}));
        CHECK(relative_l2(made(half, r), plain) < 0.1);
    }
}
