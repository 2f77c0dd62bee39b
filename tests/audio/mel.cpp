// Mel spectrograms and what CLAP sees, against librosa, torch and transformers:
// tools/reference/signals.py.
#include "modalities/audio/mel.h"

#include <catch2/catch_test_macros.hpp>

#include "modalities/audio/clap_features.h"
#include "runtime/graph/graph.h"
#include "runtime/io/json.h"
#include "tests/audio/sounds.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

MelOptions bank_of(const std::string& name) {
    if (name == "audio_ldm") return {};
    if (name == "hifi_gan") return hifi_gan_mel();
    if (name == "clap")
        return {.sample_rate = 48000,
                .low = 50,
                .high = 14000,
                .scale = MelScale::htk,
                .norm = MelNorm::none};
    if (name == "high")
        return {.sample_rate = 44100,
                .n_fft = 2048,
                .bands = 128,
                .low = 20,
                .high = 22050,
                .scale = MelScale::htk};
    return {.n_fft = 400,
            .window = 400,
            .bands = 80,
            .low = 125,
            .high = 7600,
            .norm = MelNorm::none,
            .padding = 200};
}

// transformers draws a third of the way, as the script makes it.
int64_t third(int64_t count) { return count / 3; }

ClapFeatureConfig clap_config(const std::string& text) {
    const nlohmann::json document = take(parse_json(text, "preprocessor_config.json"));
    return take(parse_clap_feature_config(JsonObject(document, "preprocessor_config.json")));
}

}   // namespace

TEST_CASE("mel filters are librosa's") {
    const Safetensors goldens = audio_goldens("mel");
    for (const char* name : {"audio_ldm", "hifi_gan", "clap", "high", "plain"}) {
        INFO(name);
        const std::vector<float> filters = mel_filters(bank_of(name));
        std::vector<float> places, weights;
        for (size_t i = 0; i < filters.size(); i++)
            if (filters[i] != 0) places.push_back(float(i)), weights.push_back(filters[i]);
        CHECK(places == expected(goldens, std::string(name) + ".places"));
        CHECK(relative_l2(weights, expected(goldens, std::string(name) + ".filters")) < 1e-6);
    }
}

TEST_CASE("log-mel spectrograms are those of the published front ends", "[gpu]") {
    const Safetensors goldens = audio_goldens("mel");
    const auto device = test_device();
    for (const std::string name : {"audio_ldm", "hifi_gan"}) {
        INFO(name);
        const MelOptions o = bank_of(name);
        const std::vector<float> x = sound(name, name == "audio_ldm" ? 5700 : 6500, o.sample_rate);
        const std::vector<float> golden = expected(goldens, name + ".mel");
        const Mel mel = take(mel_spectrogram(device, x, o));
        CHECK(mel.frames == int64_t(golden.size()) / o.bands);
        CHECK(relative_l2(mel.values, golden) < 1e-5);
        const Tensor y = mel_spectrogram(constant({1, int64_t(x.size())}, x), o);
        CHECK(y.shape() == Shape{1, mel.frames, mel.bands});
        CHECK(relative_l2(take(evaluate(device, y)), golden) < 1e-5);
    }
}

TEST_CASE("a long sound's spectrogram is taken in parts without seams", "[gpu]") {
    const MelOptions o{.sample_rate = 800,
                       .n_fft = 64,
                       .hop = 100,
                       .window = 64,
                       .bands = 8,
                       .high = 400,
                       .padding = 32};
    const std::vector<float> x = sound("long", 800 * 130 + 37, 800);
    const auto device = test_device();
    const Mel mel = take(mel_spectrogram(device, x, o));
    const Tensor whole = mel_spectrogram(constant({1, int64_t(x.size())}, x), o);
    CHECK(mel.frames == 1 + (800 * 130 + 37) / 100);
    CHECK(relative_l2(mel.values, take(evaluate(device, whole))) < 1e-6);
}

TEST_CASE("what CLAP sees of a sound is what transformers makes of it", "[gpu]") {
    const Safetensors goldens = audio_goldens("clap_features");
    const auto check_features = [&](const std::string& name, int64_t samples,
                                    const std::string& options) {
        INFO(name);
        const ClapFeatureConfig c = clap_config(
            R"({"max_length_s": 1, "hop_length": 4800, "frequency_min": 50)" + options + "}");
        const ClapFeatures found =
            take(clap_features(test_device(), sound(name, samples, 48000), c, third));
        CHECK(found.channels == (c.truncation == ClapFeatureConfig::Truncation::fusion ? 4 : 1));
        CHECK(found.frames == 11);
        CHECK(found.values.size() == size_t(found.channels * found.frames * found.bands));
        std::vector<float> golden = expected(goldens, name);
        const std::vector<float> one = golden;
        while (golden.size() < found.values.size())
            golden.insert(golden.end(), one.begin(), one.end());
        CHECK(relative_l2(found.values, golden) < 1e-5);
        CHECK(float(found.longer) == expected(goldens, name + ".longer")[0]);
    };
    check_features("short_fused", 20001, "");
    check_features("short_repeat", 20001, R"(, "truncation": "rand_trunc", "padding": "repeat")");
    check_features("short_pad", 20001, R"(, "truncation": "rand_trunc", "padding": "pad")");
    check_features("exact", 48000, R"(, "truncation": "rand_trunc")");
    check_features("little_more_fused", 49000, "");
    check_features("more_fused", 53000, "");
    check_features("long_fused", 200000, "");
    check_features("long_crop", 200000, R"(, "truncation": "rand_trunc")");
}

TEST_CASE("ten seconds at CLAP's own settings are what transformers makes of them", "[gpu]") {
    const ClapFeatureConfig c = clap_config(R"({"frequency_min": 50, "truncation": "rand_trunc"})");
    const ClapFeatures found =
        take(clap_features(test_device(), sound("full", 150000, 48000), c, third));
    CHECK(found.frames == 1001);
    std::vector<float> strided;
    for (int64_t frame = 0; frame < found.frames; frame += 32)
        strided.insert(strided.end(), found.values.begin() + frame * 64,
                       found.values.begin() + (frame + 1) * 64);
    CHECK(relative_l2(strided, expected(audio_goldens("clap_features"), "full")) < 1e-5);
}

TEST_CASE("spectrograms that cannot be are refused by name", "[gpu]") {
    const auto refused = [](const MelOptions& o, const char* words) {
        const Result<void> good = check(o);
        REQUIRE(!good);
        INFO(good.error().message);
        CHECK(good.error().status == Status::usage);
        CHECK(good.error().message.find(words) != std::string::npos);
    };
    refused({.sample_rate = 0}, "sample rate");
    refused({.n_fft = 77}, "n_fft");
    refused({.hop = 0}, "hop");
    refused({.window = 1025}, "window");
    refused({.bands = 0}, "bands");
    refused({.high = 8001}, "frequencies");
    refused({.low = NAN}, "frequencies");
    refused({.padding = -1}, "padding");
    refused({.floor = 0}, "floor");
    const auto device = test_device();
    for (const std::vector<float>& x :
         {std::vector<float>{}, std::vector<float>(512, 0.0f), std::vector<float>(2000, NAN)}) {
        const Result<Mel> mel = mel_spectrogram(device, x, {});
        REQUIRE(!mel);
        CHECK(mel.error().status == Status::usage);
    }
    CHECK(!clap_features(device, {}, {}, third));
    const nlohmann::json document =
        take(parse_json(R"({"hop_length": 480, "truncation": "some"})", "c.json"));
    const auto config = parse_clap_feature_config(JsonObject(document, "c.json"));
    REQUIRE(!config);
    CHECK(config.error().status == Status::bad_file);
}
