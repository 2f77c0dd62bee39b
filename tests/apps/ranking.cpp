// kiln audio with candidates that CLAP ranks, with small models.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <map>

#include "runtime/io/audio.h"
#include "tests/apps/command.h"
#include "tests/audio/clap_model.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::json;
using Names = std::vector<std::string>;

namespace {

struct Jury {
    Workplace place;
    TemporaryFolder model{"apps-ranking"}, clap{"apps-ranking-clap"};
    const bool brought;
    std::string seconds = "0.2";

    // AudioLDM 2, which brings a CLAP that hears, or AudioLDM and a folder with one.
    explicit Jury(bool brought = false) : brought(brought) {
        place.plugins = KILN_BINARY_DIR "/lib/kiln/plugins";
        write_clap(clap.path);
        write_audio_model(model.path, brought ? "audioldm2" : "audioldm",
                          [](const std::string& file, Tensors& tensors) {
                              if (file.starts_with("text_encoder/")) fill_clap(tensors);
                          });
        fs::create_directories(model.path / "feature_extractor");
        if (brought)
            fs::copy(clap.path / "preprocessor_config.json",
                     fs::path(model.path / "feature_extractor" / "preprocessor_config.json"));
    }
    Finished run(const Names& more, bool ranks = true) const {
        Names all = {"audio", "rain on a roof", "--model", model.path.string(), "--steps",
                     "2",     "--seconds",      seconds,   "--no-tuning",       "--bits",
                     "32"};
        if (ranks && !brought) all.insert(all.end(), {"--ranking-model", clap.path.string()});
        all.insert(all.end(), more.begin(), more.end());
        return place.run(all);
    }
    Sound heard(const std::string& name) const { return take(read_sound(place.path(name))); }
    Json made(const std::string& name) const {
        const std::string bytes = contents(place.path(name));
        for (const auto& [key, text] : take(read_sound_tags(as_bytes(bytes), name)))
            if (key == "comment") return Json::parse(text);
        return {};
    }
};

// Gives the text tower a vocabulary of so many words.
void enlarge_table(const fs::path& clap, int64_t rows) {
    Json config = take(read_json((clap / "config.json").string()));
    const int64_t width = config["text_config"]["hidden_size"];
    config["text_config"]["vocab_size"] = rows;
    take(write_file((clap / "config.json").string(), as_bytes(config.dump())));
    Tensors tensors;
    collect(audio_golden("clap_similarity").at("tensors"), "", tensors);
    tensors.at("text_model.embeddings.word_embeddings.weight").first = {rows, width};
    fill_clap(tensors);
    write_tensors(clap / "model.safetensors", tensors);
}

}   // namespace

TEST_CASE("of several candidates the closest to the prompt stays", "[gpu]") {
    const Jury jury(GENERATE(false, true));
    const Finished f = jury.run({"--candidates", "3", "--seed", "5", "-o", "best.wav"});
    CAPTURE(f.err, jury.brought);
    REQUIRE(f.status == 0);
    CHECK(f.out == "best.wav\n");
    const Json best = jury.made("best.wav");
    CHECK(best["best_of"] == 3);
    CHECK(!best.contains("candidates"));

    // Each alone: the closest of them was kept, and its seed makes it again.
    const fs::path hears = jury.brought ? jury.model.path : jury.clap.path;
    std::map<double, uint64_t> seeds;
    for (const uint64_t seed : {5, 6, 7}) {
        const std::string name = std::to_string(seed) + ".wav";
        REQUIRE(jury.run({"--seed", std::to_string(seed), "--ranking-model", hears.string(), "-o",
                          name},
                         false)
                    .status == 0);
        seeds[jury.made(name)["similarity"]] = seed;
        const bool kept = best["seed"] == seed;
        CHECK(kept == (jury.heard(name).samples == jury.heard("best.wav").samples));
    }
    CHECK(seeds.size() == 3);
    CHECK(best["seed"] == seeds.rbegin()->second);
    CHECK(best["similarity"] == seeds.rbegin()->first);
}

TEST_CASE("candidates are ranked by their likeness to a sound", "[gpu]") {
    const Jury jury;
    REQUIRE(jury.run({"--seed", "6", "-o", "it.wav"}, false).status == 0);
    CHECK(!jury.made("it.wav").contains("similarity"));
    REQUIRE(jury.run({"--candidates", "3", "--seed", "5", "--like", "it.wav", "-o", "best.wav"})
                .status == 0);
    CHECK(jury.made("best.wav")["seed"] == 6);
    CHECK(std::abs(jury.made("best.wav")["similarity"].get<double>() - 1) < 1e-4);
    CHECK(jury.heard("best.wav").samples == jury.heard("it.wav").samples);
}

TEST_CASE("ranked sounds come the closest first, whatever the batches are", "[gpu]") {
    const Jury jury;
    REQUIRE(jury.run({"--count", "3", "--seed", "5", "-o", "one.wav"}).status == 0);
    const Names names = {"one.wav", "one-2.wav", "one-3.wav"};
    std::map<uint64_t, double> by_seed;
    double last = 1;
    for (const std::string& name : names) {
        const Json made = jury.made(name);
        CHECK(made["similarity"] <= last);
        last = made["similarity"];
        by_seed[made["seed"]] = last;
    }
    REQUIRE(by_seed.size() == 3);
    REQUIRE(by_seed.begin()->first == 5);
    const auto closest = std::max_element(by_seed.begin(), by_seed.end(),
                                          [](auto& a, auto& b) { return a.second < b.second; });
    const Finished f = jury.run(
        {"--candidates", "3", "--batch", "2", "--count", "2", "--seed", "5", "-o", "two.wav"});
    REQUIRE(f.status == 0);
    CHECK(f.out == "two.wav\ntwo-2.wav\n");
    const Json first = jury.made("two.wav"), second = jury.made("two-2.wav");
    CHECK(first["similarity"] >= second["similarity"]);
    const bool here = first["seed"] < 8;   // the first three candidates are those above
    CHECK((here ? first : second)["seed"] == closest->first);
    CHECK((here ? second : first)["seed"] >= 8);
}

TEST_CASE("where CLAP does not fit beside the model, it takes its place", "[gpu]") {
    Jury jury;
    jury.seconds = "1.2";               // for which the model holds some memory
    constexpr int64_t kRows = 160000;   // of the table of words, which cannot be streamed in parts
    enlarge_table(jury.clap.path, kRows);
    const auto within = [&](const char* file, const char* memory) {
        return jury.run({"--count", "2", "--seed", "5", "--json", "-o", file, "--memory", memory});
    };
    const auto loaded = [](const Finished& f) {
        int count = 0;
        for (size_t at = 0; (at = f.out.find("\"loading\"", at)) != f.out.npos; at++) count++;
        return count;
    };
    const Finished free = within("free.wav", "1G"), tight = within("tight.wav", "35M");
    CAPTURE(tight.err);
    REQUIRE(free.status == 0);
    REQUIRE(tight.status == 0);
    CHECK(loaded(tight) > loaded(free));   // the model again, for the second sound
    CHECK(jury.heard("tight.wav").samples == jury.heard("free.wav").samples);
    CHECK(jury.heard("tight-2.wav").samples == jury.heard("free-2.wav").samples);
    CHECK(within("none.wav", "24M").status == 5);
    CHECK(!fs::exists(jury.place.path("none.wav")));
}

TEST_CASE("without a CLAP that hears, ranking is refused before anything is made", "[gpu]") {
    const Jury jury;
    const auto refused = [&](const Names& more, int status, const char* words) {
        const Finished f = jury.run(more, false);
        CHECK(f.status == status);
        CHECK_THAT(f.err, ContainsSubstring(words));
        CHECK(f.err.find("denoising") == f.err.npos);
        CHECK(jury.place.files().empty());
    };
    refused({"--candidates", "2"}, 2, "--ranking-model");
    refused({"--candidates", "0"}, 2, "--candidates");
    refused({"--candidates", "2", "--ranking-model", "nowhere"}, 3, "nowhere");
    refused({"--ranking-model", jury.model.path.string()}, 3, "both towers");
    Json config = take(read_json((jury.clap.path / "config.json").string()));
    config["audio_config"]["enable_fusion"] = true;
    take(write_file((jury.clap.path / "config.json").string(), as_bytes(config.dump())));
    refused({"--ranking-model", jury.clap.path.string()}, 3, "enable_fusion");
}
