// Whole sounds by seed against StableAudioPipeline of diffusers, and what requests can ask for.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <memory>

#include "modalities/audio/stable_audio_checkpoint.h"
#include "tests/audio/short_sounds.h"
#include "tests/audio/stable_audio_model.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr int kRate = 8000;
constexpr int64_t kMost = 1536;   // frames that the model makes

const nlohmann::json& cases() {
    static const nlohmann::json document = audio_golden("stable_audio_pipeline");
    return document.at("cases");
}

AudioPipeline& stable_audio() {
    static const auto open = [] {
        const TemporaryFolder folder("pipeline-stable-audio");
        write_stable_audio(folder.path);
        return std::make_unique<AudioPipeline>(
            take(AudioPipeline::open(test_device(), folder.path.string())));
    }();
    return *open;
}

AudioRequest asked_of(const nlohmann::json& c) {
    AudioRequest r{.prompt = c.at("prompt"), .seconds = c.at("seconds"), .steps = c.at("steps")};
    if (c.contains("negative")) r.negative = c.at("negative").get<std::string>();
    if (c.contains("cfg")) r.cfg = c.at("cfg").get<double>();
    r.seed = c.at("seed");
    r.count = r.batch = c.value("count", 1);
    if (c.contains("init")) {
        const int frames = c.at("frames"), channels = c.at("channels");
        r.init = Sound{kRate, channels, noise(c.at("init"), int64_t(frames) * channels, 0.4f)};
        // diffusers hears silence where the sound has ended; here it would go on.
        r.init->samples.resize(std::max(size_t(kMost * channels), r.init->samples.size()));
        r.strength = 1;
    }
    return r;
}

std::vector<float> all_of(const std::vector<AudioTake>& takes) {
    std::vector<float> samples;
    for (const AudioTake& each : takes)
        samples.insert(samples.end(), each.sound.samples.begin(), each.sound.samples.end());
    return samples;
}

AudioRequest short_stereo() { return {.prompt = "rain", .seconds = 0.1, .steps = 3, .seed = 3}; }

std::vector<float> heard(const AudioRequest& r) { return all_of(take(stable_audio().run(r))); }

}   // namespace

TEST_CASE("a seed gives the stereo sound of diffusers' pipeline", "[gpu]") {
    const std::string name = GENERATE(from_range(names_of(cases())));
    CAPTURE(name);
    const nlohmann::json& c = cases().at(name);
    const auto takes = stable_audio().run(asked_of(c));
    if (!takes) FAIL(takes.error().message);
    CHECK(takes->at(0).sound.sample_rate == kRate);
    CHECK(takes->at(0).sound.channels == 2);
    CHECK(largest_difference(all_of(*takes), sixteen_bits(audio_values(c.at("file")), name)) <
          1e-3);
    check_silent(*test_device());
}

TEST_CASE("what a model of waveforms is and can is told") {
    const AudioInfo& info = stable_audio().info();
    CHECK(info.steps == 100);
    CHECK(info.family == "Stable Audio Open (folder)");
    CHECK(info.sample_rate == kRate);
    CHECK(info.channels == 2);
    CHECK(info.longest == double(kMost) / kRate);
    CHECK(info.sampler == "dpmpp_2m_sde");
    CHECK(info.cfg == 7);
    const auto& names = info.samplers;
    CHECK(std::find(names.begin(), names.end(), "euler") != names.end());
    CHECK(std::find(names.begin(), names.end(), "ddim") == names.end());
}

TEST_CASE("batches and two passes do not change a stereo sound", "[gpu]") {
    AudioRequest r = short_stereo();
    r.count = 3;
    r.negative = "siren";
    const auto one = heard(r);
    r.batch = 2;
    r.two_passes = true;
    CHECK(largest_difference(one, heard(r)) < 1e-3);
    CHECK(one.size() == 3 * 800 * 2);
}

TEST_CASE("every sampler that a model of waveforms offers makes a sound", "[gpu]") {
    AudioRequest r = short_stereo();
    for (const std::string& name : stable_audio().info().samplers) {
        CAPTURE(name);
        r.sampler = name;
        CHECK(heard(r).size() == 1600);
    }
}

TEST_CASE("the strength of a stereo sound is how much of it is left", "[gpu]") {
    AudioRequest r = short_stereo();
    r.init = chirp(0.1, kRate, 2);
    r.cfg = 1;
    const auto known = r.init->samples;
    r.strength = 1;
    const auto all = heard(r);
    r.strength = 0.34;
    const auto some = heard(r);
    CHECK(largest_difference(all, some) > 0.01);
    r.init = chirp(0.1, 2 * kRate, 1);   // made stereo at the model's rate
    CHECK(heard(r).size() == some.size());
}

TEST_CASE("what is not made anew of a stereo sound stays as it was", "[gpu]") {
    AudioRequest r = short_stereo();
    r.init = chirp(0.1, kRate, 2);
    r.repaint = AudioSpan{0.03, 0.06};
    const auto x = heard(r);
    const auto& before = r.init->samples;
    REQUIRE(x.size() == before.size());
    double inside = 0;
    for (size_t i = 0; i < x.size(); i++)
        if (i / 2 <= 240 || i / 2 >= 480)
            REQUIRE(x[i] == before[i]);
        else
            inside = std::max(inside, std::abs(double(x[i]) - before[i]));
    CHECK(inside > 0.01);
    r.repaint = {};
    r.seconds = 0.15;   // it goes on
    const auto longer = heard(r);
    REQUIRE(longer.size() == 2400);
    for (size_t i = 0; i < 2 * (800 - 160); i++) REQUIRE(longer[i] == before[i]);
}

TEST_CASE("requests that a model of waveforms cannot meet are refused", "[gpu]") {
    AudioRequest r = short_stereo();
    const auto refused = [&](const char* fact) {
        const auto takes = stable_audio().run(r);
        REQUIRE(!takes);
        CHECK(takes.error().status == Status::usage);
        CHECK_THAT(takes.error().message, ContainsSubstring(fact));
    };
    SECTION("longer than it makes") { r.seconds = 0.2, refused("at most 0.192 s"); }
    SECTION("not a number") { r.seconds = NAN, refused("seconds"); }
    SECTION("a vocoder") { r.vocoder = "griffin-lim", refused("vocoder"); }
    SECTION("a loop") { r.loop = true, refused("loop"); }
    SECTION("a sampler over timesteps") { r.sampler = "ddim", refused("expected one of"); }
    SECTION("a part of nothing") { r.repaint = AudioSpan{0, 1}, refused("needs the sound"); }
    SECTION("an empty sound") { r.init = Sound{kRate, 2, {}}, refused("empty"); }
}

TEST_CASE("a run of a model of waveforms can be cancelled in each stage", "[gpu]") {
    AudioRequest r = short_stereo();
    r.init = chirp(0.1, kRate, 2);
    const char* stage = GENERATE("reading the prompt", "denoising", "decoding");
    bool reached = false;
    const auto takes = stable_audio().run(
        r, {.progress = [&](std::string_view s, int, int) { reached |= s == stage; },
            .cancelled = [&] { return reached; }});
    REQUIRE(!takes);
    CHECK(takes.error().status == Status::interrupted);
}

TEST_CASE("a model of waveforms in half precision makes nearly the same sound", "[gpu]") {
    const TemporaryFolder folder("stable-audio-half");
    write_stable_audio(folder.path, {}, DType::f16);
    AudioRequest r = short_stereo();
    r.cfg = 1;
    const auto made = [&](Precision precision) {
        AudioPipeline p = take(
            AudioPipeline::open(test_device(), folder.path.string(), {.precision = precision}));
        return all_of(take(p.run(r)));
    };
    const auto exact = made(Precision::f32), half = made(Precision::f16);
    CHECK(relative_l2(half, exact) < 0.1);
    CHECK(relative_l2(half, exact) > 0);
}

TEST_CASE("weights of Stable Audio that are not finite are named, and end the run", "[gpu]") {
    const auto [part, key] = GENERATE(table<std::string, std::string>(
        {{"text_encoder/", "encoder.final_layer_norm.weight"},
         {"projection_model/", "end_number_conditioner.time_positional_embedding.1.bias"},
         {"transformer/", "proj_in.weight"},
         {"vae/", "decoder.conv1.bias"}}));
    const TemporaryFolder folder("stable-audio-nan");
    write_stable_audio(folder.path,
                       [&, part = part, key = key](const std::string& file, Tensors& t) {
                           if (file.starts_with(part)) t.at(key).second[3] = NAN;
                       });
    auto open = AudioPipeline::open(test_device(), folder.path.string());
    const Error error = open ? open->run(short_stereo()).error() : open.error();
    CHECK(error.status == Status::not_finite);
    CHECK_THAT(error.message, ContainsSubstring(key));
}

TEST_CASE("a folder of Stable Audio whose parts do not fit is refused with what differs") {
    const auto refused = [](const char* file, const char* key, const nlohmann::json& value,
                            const char* fact) {
        refused_with([](const fs::path& folder) { write_stable_audio(folder); }, file, key, value,
                     fact);
    };
    refused("model_index.json", "transformer", nlohmann::json(), "StableAudioDiTModel");
    refused("model_index.json", "vae", {"diffusers", "AutoencoderKL"}, "AutoencoderOobleck");
    refused("transformer/config.json", "in_channels", 9, "out_channels");
    refused("transformer/config.json", "cross_attention_input_dim", 25, "25 and 24");
    refused("transformer/config.json", "global_states_input_dim", 50, "50 and 48");
    refused("transformer/config.json", "sample_size", 1 << 24, "are too many");
    refused("transformer/config.json", "num_layers", 3, "transformer_blocks.2");
    refused("projection_model/config.json", "text_encoder_dim", 32, "32 and 24");
    refused("text_encoder/config.json", "vocab_size", 9, "knows 9 tokens");
    refused("vae/config.json", "downsampling_ratios", {2, 4, 3}, "downsampling_ratios");
    refused("vae/config.json", "decoder_channels", 13, "decoder.");
    refused("scheduler/scheduler_config.json", "_class_name", "EulerDiscreteScheduler",
            "CosineDPMSolverMultistepScheduler");
}

TEST_CASE("a folder of Stable Audio without one of its parts is refused with what is missing") {
    const char* part = GENERATE("tokenizer", "text_encoder", "projection_model", "transformer",
                                "vae", "scheduler");
    const TemporaryFolder folder("stable-audio-part");
    write_stable_audio(folder.path);
    fs::remove_all(folder.path / part);
    const auto opened = AudioPipeline::open(test_device(), folder.path.string());
    REQUIRE(!opened);
    CHECK(opened.error().status == Status::bad_file);
    CHECK_THAT(opened.error().message, ContainsSubstring(part));
}

TEST_CASE("every tensor of the released Stable Audio Open has its place", "[gpu]") {
    const nlohmann::json document = audio_golden("stable_audio_released");
    const TemporaryFolder folder("stable-audio-released");
    write_stable_audio_files(folder.path, document);
    const nlohmann::json files = whole(document.at("tensors"), document.at("parts"));
    int64_t parameters = 0;
    for (const auto& [file, tree] : files.items()) {
        Tensors tensors;
        collect(tree, "", tensors);
        for (const auto& [name, tensor] : tensors) parameters += tensor.first.count();
        write_shapes(folder.path / file, tensors);
    }
    CHECK(parameters > 1'300'000'000);
    DeviceOptions limited = device_options();
    limited.memory_limit = 64u << 20;   // nothing is loaded
    std::vector<std::string> warnings;
    const auto log = [&](LogLevel level, std::string_view text) {
        if (level >= LogLevel::warning) warnings.emplace_back(text);
    };
    AudioPipeline pipeline =
        take(AudioPipeline::open(open_device(limited), folder.path.string(), {.log = log}));
    CHECK(warnings.empty());
    CHECK(pipeline.info().sample_rate == 44100);
    CHECK(pipeline.info().channels == 2);
    CHECK(std::abs(pipeline.info().longest - 47.5545) < 1e-4);
    const auto refused = pipeline.run({.prompt = "rain", .seconds = 10, .steps = 2});
    REQUIRE(!refused);
    CHECK(refused.error().status == Status::out_of_memory);
    CHECK_THAT(refused.error().message, ContainsSubstring("the text encoder would fit within"));
}

TEST_CASE("Stable Audio within a megabyte of device memory makes the same sound", "[gpu]") {
    const TemporaryFolder folder("stable-audio-limited");
    write_stable_audio(folder.path);
    AudioRequest r = short_stereo();
    r.init = chirp(0.15, kRate, 2);
    r.seconds = 0.15;
    r.cfg = 1;
    const std::vector<float> expected = heard(r);
    DeviceOptions limited = device_options("");
    limited.memory_limit = 1u << 20;
    const auto device = open_device(limited);
    AudioPipeline pipeline = take(AudioPipeline::open(device, folder.path.string()));
    const auto takes = pipeline.run(r);
    if (!takes) FAIL(takes.error().message);
    CHECK(largest_difference(all_of(*takes), expected) < 1e-3);
    CHECK(device->memory().peak <= limited.memory_limit);
    check_silent(*device);
}
