// How alike CLAP finds words and sounds, against transformers, and the order that follows.
#include "modalities/audio/rank.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/audio/clap_model.h"
#include "tests/audio/sounds.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::json;

namespace {

Clap small_clap(bool pipeline = false) {
    const TemporaryFolder folder("clap");
    write_clap(folder.path, pipeline);
    return Clap(test_device(), take(ClapFiles::open(folder.path.string())));
}

Sound heard(const std::string& name) {
    const Json about = audio_golden("clap_similarity").at("sounds").at(name);
    const int rate = about.at("rate");
    return {rate, 1, sound(name, about.at("samples"), rate)};
}

std::string refusal(const fs::path& folder) {
    const auto files = ClapFiles::open(folder.string());
    REQUIRE(!files);
    CHECK(files.error().status == Status::bad_file);
    return files.error().message;
}

// Writes a file of the model's folder with one key changed, or without it (null).
void edit(const fs::path& file, const std::string& pointer, const Json& value) {
    Json document = take(read_json(file.string()));
    if (value.is_null())
        document.erase(pointer.substr(1));
    else
        document[Json::json_pointer(pointer)] = value;
    take(write_file(file.string(), as_bytes(document.dump())));
}

}   // namespace

TEST_CASE("words and sounds are as alike as transformers finds them", "[gpu]") {
    const Safetensors goldens = audio_values("clap_similarity");
    const Json document = audio_golden("clap_similarity");
    const std::vector<float> golden = expected(goldens, "similarities");
    for (const bool pipeline : {false, true}) {
        Clap clap = small_clap(pipeline);
        std::vector<float> texts, sounds;
        size_t at = 0;
        for (const std::string text : document.at("texts")) {
            const std::vector<float> words = take(clap.embed(text));
            texts.insert(texts.end(), words.begin(), words.end());
            sounds.clear();
            for (const char* name : {"short", "whole", "long", "resampled"}) {
                CAPTURE(text, name);
                const std::vector<float> vector = take(clap.embed(heard(name)));
                sounds.insert(sounds.end(), vector.begin(), vector.end());
                // The last one comes at another rate: a filter other than librosa's leaves other
                // residues where the sound has nothing, 100 dB down.
                const double margin = std::string(name) == "resampled" ? 2e-3 : 1e-4;
                CHECK(std::abs(similarity(words, vector) - double(golden[at++])) < margin);
            }
        }
        CHECK(at == golden.size());
        CHECK(relative_l2(texts, expected(goldens, "text")) < 1e-4);
        sounds.resize(sounds.size() / 4 * 3);
        std::vector<float> expected_sounds = expected(goldens, "sound");
        expected_sounds.resize(sounds.size());
        CHECK(relative_l2(sounds, expected_sounds) < 1e-4);
    }
}

TEST_CASE("candidates come in the same order, however they are given", "[gpu]") {
    Clap clap = small_clap();
    const std::vector<float> target = take(clap.embed(std::string("rain on a roof")));
    std::vector<AudioTake> takes;
    for (uint64_t seed = 0; seed < 4; seed++) {
        takes.push_back({{48000, 1, sound("take " + std::to_string(seed), 30000, 48000)}, seed});
        for (float& sample : takes.back().sound.samples) sample *= float(seed + 1) / 4;
    }
    takes.push_back({takes[1].sound, 9});   // as close as another
    std::vector<uint64_t> first;
    const auto by_seed = [](auto& a, auto& b) { return a.seed < b.seed; };
    std::sort(takes.begin(), takes.end(), by_seed);
    for (int turn = 0; turn < 5; turn++) {
        std::rotate(takes.begin(), takes.begin() + 2, takes.end());
        const auto ranked = take(rank(clap, target, takes));
        std::vector<uint64_t> seeds;
        for (size_t i = 0; i < ranked.size(); i++) {
            seeds.push_back(ranked[i].take.seed);
            if (i) CHECK(ranked[i].similarity <= ranked[i - 1].similarity);
            const auto vector = take(clap.embed(ranked[i].take.sound));
            CHECK(ranked[i].similarity == similarity(vector, target));
        }
        if (first.empty()) first = seeds;
        CHECK(seeds == first);
    }
    CHECK(first.size() == 5);
    const auto one = std::find(first.begin(), first.end(), 1u);
    REQUIRE(one + 1 < first.end());
    CHECK(one[1] == 9);
}

TEST_CASE("a sound is closest to itself, and channels and device memory make no difference",
          "[gpu]") {
    Clap clap = small_clap();
    const Sound mono = heard("short");
    Sound stereo{mono.sample_rate, 2, {}};
    for (float sample : mono.samples)
        for (float gain : {1.5f, 0.5f}) stereo.samples.push_back(gain * sample);
    const std::vector<float> self = take(clap.embed(mono));
    CHECK(clap.release());
    CHECK(!clap.release());
    CHECK(std::abs(similarity(self, take(clap.embed(stereo))) - 1) < 1e-5);
    CHECK(similarity(self, take(clap.embed(heard("whole")))) < 0.9999);
}

TEST_CASE("a sound that cannot be heard is refused", "[gpu]") {
    Clap clap = small_clap();
    CHECK(clap.embed(Sound{48000, 1, {}}).error().status == Status::usage);
    CHECK(clap.embed(Sound{48000, 1, std::vector<float>(3000, NAN)}).error().status ==
          Status::usage);
}

TEST_CASE("a CLAP model that is none, or not built, is refused by file and key") {
    const TemporaryFolder folder("clap-refused");
    CHECK_THAT(refusal(folder.path / "nowhere"), ContainsSubstring("nowhere"));
    const auto fresh = [&] {
        fs::remove_all(folder.path);
        write_clap(folder.path);
        return folder.path;
    };
    edit(fresh() / "config.json", "/audio_config/enable_fusion", true);
    CHECK_THAT(refusal(folder.path),
               ContainsSubstring("enable_fusion") && ContainsSubstring("clap-htsat-unfused"));
    edit(fresh() / "config.json", "/audio_config", nullptr);
    CHECK_THAT(refusal(folder.path), ContainsSubstring("config.json: audio_config"));
    edit(fresh() / "preprocessor_config.json", "/truncation", "fusion");
    CHECK_THAT(refusal(folder.path), ContainsSubstring("truncation"));
    edit(fresh() / "preprocessor_config.json", "/feature_size", 32);
    CHECK_THAT(refusal(folder.path), ContainsSubstring("feature_size"));
    edit(fresh() / "preprocessor_config.json", "/max_length_s", 60);
    CHECK_THAT(refusal(folder.path), ContainsSubstring("max_length_s"));
    edit(fresh() / "config.json", "/text_config/vocab_size", 10);
    CHECK_THAT(refusal(folder.path), ContainsSubstring("10 tokens"));
    edit(fresh() / "preprocessor_config.json", "/feature_extractor",
         {{"feature_size", 32}, {"truncation", "rand_trunc"}});
    fs::rename(folder.path / "preprocessor_config.json", folder.path / "processor_config.json");
    CHECK_THAT(refusal(folder.path), ContainsSubstring("processor_config.json: feature_size: 32"));
    fs::remove(fresh() / "preprocessor_config.json");
    CHECK_THAT(refusal(folder.path), ContainsSubstring("preprocessor_config.json"));
    CHECK(!brings_clap(folder.path.string()));
    fs::remove(fresh() / "model.safetensors");
    CHECK_THAT(refusal(folder.path), ContainsSubstring("safetensors"));
}

TEST_CASE("a model's folder says whether it brings both towers") {
    const TemporaryFolder folder("clap-brought"), other("clap-none");
    write_clap(folder.path, true);
    CHECK(brings_clap(folder.path.string()));
    write_audioldm(other.path);
    CHECK(!brings_clap(other.path.string()));
}
