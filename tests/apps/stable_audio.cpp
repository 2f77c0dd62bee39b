// kiln audio with a model that makes stereo waveforms.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "runtime/io/audio.h"
#include "tests/apps/command.h"
#include "tests/audio/stable_audio_model.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;

namespace {

struct StereoStudio {
    Workplace place;
    TemporaryFolder model{"apps-stable-audio"};

    StereoStudio() {
        place.plugins = KILN_BINARY_DIR "/lib/kiln/plugins";
        write_stable_audio(model.path);
    }
    Finished run(const std::vector<std::string>& more) const {
        std::vector<std::string> line = {"audio",      "rain", "--model", model.path.string(),
                                         "--steps",    "2",    "--seed",  "5",
                                         "--no-tuning"};
        line.insert(line.end(), more.begin(), more.end());
        return place.run(line);
    }
};

}   // namespace

TEST_CASE("words become a stereo sound of the length and kind asked for", "[gpu]") {
    const StereoStudio studio;
    const std::string name = GENERATE("rain.wav", "rain.flac", "rain.ogg");
    const Finished f = studio.run({"--seconds", "0.15", "-o", name});
    CAPTURE(f.err);
    CHECK(f.status == 0);
    const Sound sound = take(read_sound(studio.place.path(name)));
    CHECK(sound.sample_rate == 8000);
    CHECK(sound.channels == 2);
    CHECK(sound.frames() == 1200);
    const std::string bytes = contents(studio.place.path(name));
    for (const auto& [key, text] : take(read_sound_tags(as_bytes(bytes), name))) {
        if (key != "comment") continue;
        const auto made = nlohmann::json::parse(text);
        CHECK(made["sampler"] == "dpmpp_2m_sde");
        CHECK(made["cfg"] == 7);
    }
}

TEST_CASE("what a model of stereo waveforms cannot make is status 2, and nothing is written",
          "[gpu]") {
    const StereoStudio studio;
    const auto refused = [&](const std::vector<std::string>& more, const char* words) {
        const Finished f = studio.run(more);
        CHECK(f.status == 2);
        CHECK_THAT(f.err, ContainsSubstring(words));
        CHECK(studio.place.files().empty());
    };
    refused({"--seconds", "60"}, "at most 0.192 s");
    refused({"--loop"}, "loop");
    refused({"--sampler", "ddim"}, "expected one of");
}

TEST_CASE("models and inspect know Stable Audio") {
    const StereoStudio studio;
    const std::string path = studio.model.path.string();
    CHECK_THAT(studio.place.run({"models", "--models", path}).out,
               ContainsSubstring("Stable Audio Open (folder)"));
    CHECK_THAT(studio.place.run({"inspect", path}).out,
               ContainsSubstring("Stable Audio Open (folder)"));
}
