// Whole sounds by seed against AudioLDMPipeline of diffusers, and what requests can ask for.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <memory>

#include "tests/audio/short_sounds.h"
#include "tests/support/full_size.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const nlohmann::json& cases() {
    static const nlohmann::json document = audio_golden("audioldm");
    return document.at("cases");
}

}   // namespace

TEST_CASE("a seed gives the sound of diffusers' pipeline", "[gpu]") {
    const std::string name = GENERATE(from_range(names_of(cases())));
    CAPTURE(name);
    check_sound(pipeline(), name, cases().at(name));
}

TEST_CASE("sounds in batches and guidance in two passes are those of one at a time", "[gpu]") {
    AudioRequest r = short_request();
    r.count = 3;
    const auto one = take(pipeline().run(r));
    r.batch = 2;
    r.two_passes = true;
    const auto two = take(pipeline().run(r));
    REQUIRE(one.size() == 3);
    REQUIRE(two.size() == 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK(one[i].seed == 3 + i);
        CHECK(largest_difference(one[i].sound.samples, two[i].sound.samples) < 1e-3);
    }
    CHECK(largest_difference(one[0].sound.samples, one[1].sound.samples) > 0.01);
    check_silent(*test_device());
}

TEST_CASE("a sound is as long as asked for, to the sample", "[gpu]") {
    AudioRequest r = short_request();
    r.seconds = GENERATE(0.00001, 0.04, 0.0401, 0.325, 0.29);
    CHECK(int64_t(samples_of(r).size()) == std::max<int64_t>(1, int64_t(r.seconds * 16000)));
}

TEST_CASE("requests that cannot be met are refused with what could", "[gpu]") {
    AudioRequest r = short_request();
    const auto refused = [&](const char* fact) {
        const auto takes = pipeline().run(r);
        REQUIRE(!takes);
        CHECK(takes.error().status == Status::usage);
        CHECK_THAT(takes.error().message, ContainsSubstring(fact));
    };
    SECTION("no length") { r.seconds = -1, refused("seconds: expected more than 0"); }
    SECTION("not a number") { r.seconds = NAN, refused("seconds"); }
    SECTION("a day") { r.seconds = 86400, refused("at most 3600"); }
    SECTION("steps") { r.steps = -1, refused("steps"); }
    SECTION("sampler") { r.sampler = "guess", refused("expected one of ddim"); }
    SECTION("vocoder") { r.vocoder = "speaker", refused("griffin-lim"); }
    SECTION("window") { r.window = -1, refused("window"); }
    SECTION("a part of nothing") { r.repaint = AudioSpan{0, 1}, refused("needs the sound"); }
    SECTION("an empty sound") {
        r.init = Sound{.sample_rate = 16000, .channels = 1, .samples = {}};
        refused("empty");
    }
    SECTION("a part outside") {
        r.init = chirp(0.3, 16000, 1);
        r.repaint = GENERATE(AudioSpan{0.4, 0.5}, AudioSpan{0.2, 0.1}, AudioSpan{-1, 0.1},
                             AudioSpan{NAN, 0.1});
        refused("the part to make anew");
    }
    SECTION("strength") {
        r.init = chirp(0.3, 16000, 1);
        r.strength = GENERATE(0.0, 1.5, -1.0);
        refused("strength");
    }
}

TEST_CASE("a sound needs no vocoder", "[gpu]") {
    AudioRequest r = short_request();
    const std::vector<float> spoken = samples_of(r);
    r.vocoder = "griffin-lim";
    r.loop = GENERATE(false, true);
    const std::vector<float> sound = samples_of(r);
    CHECK(sound.size() >= spoken.size());
    CHECK(sound != spoken);
    CHECK(sound == samples_of(r));
    for (float v : sound) REQUIRE(std::isfinite(v));
    const auto size = [](const std::vector<float>& x) {
        double squares = 0;
        for (float v : x) squares += double(v) * double(v);
        return std::sqrt(squares / double(x.size()));
    };
    CHECK(size(sound) > 1e-4);
}

TEST_CASE("a model can name how its spectrograms become sound", "[gpu]") {
    const TemporaryFolder folder("vocoder-named");
    write_audioldm(folder.path);
    const auto opened = [&](const char* vocoder) {
        nlohmann::json index = audio_golden("audioldm").at("files").at("model_index.json");
        index["_vocoder"] = vocoder;
        take(write_file((folder.path / "model_index.json").string(), as_bytes(index.dump())));
        return AudioPipeline::open(test_device(), folder.path.string());
    };
    const auto refused = opened("speaker");
    REQUIRE(!refused);
    CHECK(refused.error().status == Status::bad_file);
    CHECK_THAT(refused.error().message, ContainsSubstring("\"model\" or \"griffin-lim\""));

    AudioRequest r = short_request();
    AudioPipeline model = take(opened("griffin-lim"));
    const std::vector<float> unasked = take(model.run(r)).at(0).sound.samples;
    r.vocoder = "model";
    CHECK(take(model.run(r)).at(0).sound.samples == samples_of(r));
    r.vocoder = "griffin-lim";
    CHECK(unasked == samples_of(r));
}

TEST_CASE("a run that is cancelled makes nothing", "[gpu]") {
    AudioRequest r = short_request();
    int asked = 0;
    const auto takes =
        pipeline().run(r, {.progress = {}, .cancelled = [&] { return ++asked > 2; }});
    REQUIRE(!takes);
    CHECK(takes.error().status == Status::interrupted);
}

TEST_CASE("a sound to start from may have any rate, channels and level", "[gpu]") {
    AudioRequest r = short_request();
    r.steps = 4;
    r.seconds = 0;
    r.init = chirp(0.3, 16000, 1);
    const auto exact = samples_of(r);
    CHECK(exact.size() == 4800);
    r.init = chirp(0.3, 16000, 2);
    CHECK(largest_difference(exact, samples_of(r)) < 1e-3);
    r.init = chirp(0.3, 48000, 2);
    CHECK(samples_of(r).size() == 4800);
    r.init = chirp(0.3, 16000, 1, 0.04f);
    auto soft = samples_of(r);
    for (float& v : soft) v *= 10;
    CHECK(largest_difference(exact, soft) < 2e-3);
    r.strength = 1;
    CHECK(largest_difference(exact, samples_of(r)) > 1e-3);
}

TEST_CASE("what is not made anew stays as it was, sample by sample", "[gpu]") {
    AudioRequest r = short_request();
    r.init = chirp(0.3, 16000, 1);
    r.repaint = AudioSpan{0.1, 0.2};
    const auto x = samples_of(r);
    const auto& before = r.init->samples;
    REQUIRE(x.size() == before.size());
    double inside = 0;
    for (size_t i = 0; i < x.size(); i++)
        if (i <= 1600 || i >= 3200)
            REQUIRE(x[i] == before[i]);
        else
            inside = std::max(inside, std::abs(double(x[i]) - before[i]));
    CHECK(inside > 0.01);
}

TEST_CASE("a sound that is shorter than asked for goes on", "[gpu]") {
    AudioRequest r = short_request();
    r.init = chirp(0.2, 16000, 1);
    r.seconds = 0.4;
    const auto x = samples_of(r);
    REQUIRE(x.size() == 6400);
    for (size_t i = 0; i < 3200 - 320; i++) REQUIRE(x[i] == r.init->samples[i]);
    double after = 0;
    for (size_t i = 3200; i < x.size(); i++) after = std::max(after, std::abs(double(x[i])));
    CHECK(after > 0.01);
    r.repaint = AudioSpan{0.05, 0.1};
    CHECK_THAT(pipeline().run(r).error().message, ContainsSubstring("goes on from there"));
}

TEST_CASE("weights that are not finite are named, and end the run", "[gpu]") {
    const std::string part = GENERATE("unet/", "vae/", "text_encoder/", "vocoder/");
    const TemporaryFolder folder("audioldm-nan");
    std::string name;
    write_audioldm(folder.path, [&](const std::string& file, Tensors& tensors) {
        if (!file.starts_with(part)) return;
        for (auto& [key, tensor] : tensors)
            if (key.ends_with("decoder.conv_in.weight") || key == "conv_in.weight" ||
                key == "text_projection.linear1.weight" || key == "conv_pre.weight")
                name = key, tensor.second[3] = NAN;
    });
    auto open = AudioPipeline::open(test_device(), folder.path.string());
    const Error error = open ? open->run(short_request()).error() : open.error();
    CHECK(error.status == Status::not_finite);
    CHECK_THAT(error.message, ContainsSubstring(name));
}

TEST_CASE("every precision makes nearly the same sound", "[gpu]") {
    const TemporaryFolder folder("audioldm-half");
    write_audioldm(folder.path, {}, DType::f16);
    const auto made = [&](Precision precision) {
        AudioPipeline p = take(
            AudioPipeline::open(test_device(), folder.path.string(), {.precision = precision}));
        return take(p.run(short_request())).at(0).sound.samples;
    };
    const auto exact = made(Precision::f32), half = made(Precision::f16);
    CHECK(relative_l2(half, exact) < 0.1);
    CHECK(relative_l2(half, exact) > 0);
}

namespace {

// A checkpoint of the authors with everything in one file.
struct AuthorsFile {
    TemporaryFolder folder{"audioldm-file"};
    std::string path = (folder.path / "audioldm-s.safetensors").string();
    nlohmann::json document = audio_golden("audioldm_file");
    Tensors tensors;

    AuthorsFile() {
        collect(document.at("tensors"), "", tensors);
        for (auto& [name, tensor] : tensors) {
            tensor.second = weight(name, tensor.first);
            if (!name.ends_with("weight_g")) continue;
            tensor.second = noise(name, tensor.first.count());
            for (float& v : tensor.second) v = float(document.at("gain")) + 0.3f * v;
        }
        tensors["scale_factor"] = {Shape{}, {float(document.at("scale_factor"))}};
        write();
    }
    void write() const { write_tensors(path, tensors); }
    Result<AudioPipeline> open(std::vector<std::string>& warnings) const {
        const auto log = [&warnings](LogLevel level, std::string_view text) {
            if (level >= LogLevel::warning) warnings.emplace_back(text);
        };
        return AudioPipeline::open(test_device(), path,
                                   {.tokenizer = (kAudioGoldens / "roberta").string(), .log = log});
    }
    void check_refused(const char* fact) const {
        std::vector<std::string> warnings;
        write();
        const auto opened = open(warnings);
        REQUIRE(!opened);
        CHECK(opened.error().status == Status::bad_file);
        CHECK_THAT(opened.error().message, ContainsSubstring(fact));
    }
};

}   // namespace

TEST_CASE("the model that Kiln ships gives the sounds of diffusers", "[gpu]") {
    AudioPipeline shipped =
        take(AudioPipeline::open(test_device(), KILN_SOURCE_DIR "/modalities/audio/default"));
    const nlohmann::json cases = audio_golden("default").at("cases");
    for (const std::string& name : names_of(cases)) {
        CAPTURE(name);
        check_sound(shipped, name, cases.at(name));
    }
}

TEST_CASE("a checkpoint of AudioLDM's authors gives the sound of diffusers", "[gpu]") {
    const AuthorsFile file;
    std::vector<std::string> warnings;
    AudioPipeline pipeline = take(file.open(warnings));
    CHECK(warnings.empty());
    CHECK(pipeline.info().family == "AudioLDM (one file)");
    const auto takes = pipeline.run(request_of(file.document.at("request")));
    if (!takes) FAIL(takes.error().message);
    CHECK(largest_difference(takes->at(0).sound.samples,
                             sixteen_bits(audio_values("audioldm_file"), "sound")) < 1e-3);
}

TEST_CASE("a checkpoint of AudioLDM-S's size gives the sound of diffusers", "[.][gpu][nightly]") {
    const FullSize full("audio", "audioldm_file", test_device(), {{"scale_factor", 0.9f}});
    AudioPipeline pipeline = take(AudioPipeline::open(
        full.device, full.path(), {.tokenizer = (kAudioGoldens / "roberta").string()}));
    const auto takes = pipeline.run(request_of(full.document.at("request")));
    if (!takes) FAIL(takes.error().message);
    CHECK(largest_difference(takes->at(0).sound.samples, sixteen_bits(full.goldens, "sound")) <
          1e-3);
}

TEST_CASE("a file that is not AudioLDM's is refused with what was seen", "[gpu]") {
    AuthorsFile file;
    const auto drop = [&](const char* part) {
        for (auto at = file.tensors.begin(); at != file.tensors.end();)
            at = at->first.find(part) != std::string::npos ? file.tensors.erase(at) : std::next(at);
    };
    SECTION("another model") {
        drop("film_emb");
        file.check_refused("not AudioLDM; ");
    }
    SECTION("no text encoder") {
        drop("cond_stage_model");
        file.check_refused("without its text encoder");
    }
    SECTION("no vocoder") {
        drop("vocoder");
        file.check_refused("without its vocoder");
    }
    SECTION("no scale") {
        drop("scale_factor");
        file.check_refused("\"scale_factor\" is missing");
    }
    SECTION("no vocabulary") {
        const auto opened = AudioPipeline::open(test_device(), file.path);
        REQUIRE(!opened);
        CHECK_THAT(opened.error().message, ContainsSubstring("RoBERTa's vocab.json"));
    }
}

TEST_CASE("a folder whose parts do not fit is refused with what differs", "[gpu]") {
    const auto refused = [](const char* file, const char* key, const nlohmann::json& value,
                            const char* fact) {
        refused_with([](const fs::path& folder) { write_audioldm(folder); }, file, key, value,
                     fact);
    };
    refused("model_index.json", "_class_name", "StableDiffusionPipeline", "AudioLDMPipeline");
    refused("unet/config.json", "cross_attention_dim", {32, 64, 96, 100}, "a context of 100");
    refused("unet/config.json", "class_embed_type", nullptr, "class_embeddings_concat");
    refused("unet/config.json", "projection_class_embeddings_input_dim", 25, "25 and 24");
    refused("vae/config.json", "latent_channels", 4, "do not fit");
    refused("vocoder/config.json", "model_in_dim", 30, "30 mel bands");
    refused("text_encoder/config.json", "vocab_size", 9, "knows 9 tokens");
}
