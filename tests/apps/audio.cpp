// kiln audio as its users see it, with a small model.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "runtime/io/audio.h"
#include "runtime/io/image.h"
#include "tests/apps/command.h"
#include "tests/audio/models.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::json;
using Names = std::vector<std::string>;

namespace {

struct Studio {
    Workplace place;
    TemporaryFolder model{"apps-audio"};

    explicit Studio(const EditAudio& edit = {}) {
        place.plugins = KILN_BINARY_DIR "/lib/kiln/plugins";
        write_audioldm(model.path, edit);
    }
    Names line(const Names& more) const {
        Names all = {"audio", "rain on a roof", "--model", model.path.string(), "--steps",
                     "2",     "--seed",         "5",       "--no-tuning"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    Finished run(const Names& more) const { return place.run(line(more)); }
    Sound heard(const std::string& name) const { return take(read_sound(place.path(name))); }
    // A sound of 0.2 s as the bytes of a WAV.
    void write_wav(const std::string& name, int channels = 1, int rate = 16000) const {
        Sound s{.sample_rate = rate, .channels = channels, .samples = {}};
        for (int i = 0; i < rate / 5; i++)
            for (int c = 0; c < channels; c++)
                s.samples.push_back(0.3f * float((i % 40) - 20) / 20);
        take(write_sound(place.path(name), s));
    }
    // Refused with this status and words, and nothing written beside `files`.
    void refused(const Names& more, int status, const char* words, const Names& files = {}) const {
        CAPTURE(more);
        const Finished f = run(more);
        CHECK(f.status == status);
        CHECK_THAT(f.err, ContainsSubstring(words));
        CHECK(f.out.empty());
        CHECK(place.files() == files);
    }
};

std::vector<Json> events_of(const std::string& out) {
    std::vector<Json> events;
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) events.push_back(Json::parse(line));
    return events;
}

}   // namespace

TEST_CASE("words become a sound of the length and kind asked for", "[gpu]") {
    const Studio studio;
    const std::string name = GENERATE("rain.wav", "rain.flac", "rain.ogg");
    const Finished f = studio.run({"--seconds", "0.3", "-o", name});
    CAPTURE(f.err);
    CHECK(f.status == 0);
    CHECK(f.out == name + "\n");
    const Sound sound = studio.heard(name);
    CHECK(sound.sample_rate == 16000);
    CHECK(sound.channels == 1);
    CHECK(sound.frames() == 4800);
    const std::string bytes = contents(studio.place.path(name));
    const auto tags = take(read_sound_tags(as_bytes(bytes), name));
    for (const auto& [key, text] : tags) {
        if (key == "title") CHECK(text == "rain on a roof");
        if (key != "comment") continue;
        const Json made = Json::parse(text);
        CHECK(made["seed"] == 5);
        CHECK(made["seconds"] == 0.3);
        CHECK(made["sampler"] == "ddim");
        CHECK(made["cfg"] == 2.5);
    }
    CHECK(tags.size() >= 3);
    CHECK_THAT(studio.place.run({"inspect", name}).out,
               ContainsSubstring("title: rain on a roof") && ContainsSubstring("\"seed\":5"));
}

TEST_CASE("a seed makes the same file again, and another seed another one", "[gpu]") {
    const Studio studio;
    CHECK(studio.run({"--seconds", "0.1", "--count", "2", "-o", "a.wav"}).out ==
          "a.wav\na-2.wav\n");
    CHECK(studio.run({"--seconds", "0.1", "-o", "b.wav"}).status == 0);
    const std::string first = contents(studio.place.path("a.wav"));
    CHECK(studio.heard("a.wav").samples == studio.heard("b.wav").samples);
    CHECK(studio.heard("a.wav").samples != studio.heard("a-2.wav").samples);
    CHECK(studio.run({"--seconds", "0.1", "--json"}).status == 0);
    CHECK(fs::exists(studio.place.path("rain-on-a-roof-5.wav")));
}

TEST_CASE("rate, bits and loudness are as asked for", "[gpu]") {
    const Studio studio;
    const Finished f = studio.run({"--seconds", "0.5", "--rate", "44100", "--bits", "24",
                                   "--loudness", "-30", "-o", "a.flac"});
    CAPTURE(f.err);
    REQUIRE(f.status == 0);
    CHECK(studio.heard("a.flac").sample_rate == 44100);
    CHECK(std::abs(studio.heard("a.flac").seconds() - 0.5) < 1e-4);
    studio.refused({"--bits", "32", "-o", "b.flac"}, 2, "FLAC holds 16 or 24", {"a.flac"});
    studio.refused({"--format", "ogg", "-o", "b.flac"}, 2, "not what the file's name asks for",
                   {"a.flac"});
}

TEST_CASE("a spectrogram is drawn beside the sound on request", "[gpu]") {
    const Studio studio;
    const Finished f = studio.run({"--seconds", "0.3", "--spectrogram", "-o", "a.flac"});
    CAPTURE(f.err);
    CHECK(f.out == "a.flac\na.png\n");
    CHECK(studio.heard("a.flac").frames() == 4800);
    const std::string picture = contents(studio.place.path("a.png"));
    CHECK(take(decode_image(as_bytes(picture), "a.png", 3)).width > 100);
    studio.refused({"--seconds", "0.3", "-o", "b.png"}, 2, "a sound is no image/png",
                   {"a.flac", "a.png"});
}

TEST_CASE("the octave above is guessed on request, but not what nobody hears", "[gpu]") {
    const Studio studio;
    REQUIRE(studio.run({"--seconds", "0.3", "-o", "low.wav"}).status == 0);
    REQUIRE(studio.run({"--seconds", "0.3", "--high-band", "-o", "a.wav"}).status == 0);
    CHECK(studio.heard("a.wav").sample_rate == 32000);
    CHECK(studio.heard("a.wav").frames() == 2 * studio.heard("low.wav").frames());
    CHECK(studio.heard("a.wav").samples !=
          take(resample_sound(studio.heard("low.wav"), 32000)).samples);
    const Studio high;
    const std::string config = (high.model.path / "vocoder/config.json").string();
    Json vocoder = Json::parse(contents(config));
    vocoder["sampling_rate"] = 44100;
    const std::string text = vocoder.dump();
    take(write_file(config, as_bytes(text)));
    high.refused({"--seconds", "0.1", "--high-band"}, 2, "this model makes 44100");
}

TEST_CASE("the steps of a sound are told as events", "[gpu]") {
    const Studio studio;
    const auto events = events_of(studio.run({"--seconds", "0.1", "--json", "-o", "a.wav"}).out);
    int steps = 0;
    for (const Json& e : events) steps += e["event"] == "progress" && e["stage"] == "denoising";
    CHECK(steps == 2);
    REQUIRE(events.size() > 2);
    CHECK(events.back()["event"] == "done");
    CHECK(events[events.size() - 2]["media_type"] == "audio/wav");
    CHECK(events[events.size() - 2]["metadata"]["model"] == studio.model.path.stem().string());
}

TEST_CASE("an interrupt leaves no sound", "[gpu]") {
    const Studio studio;
    const Names line = studio.line({"--seconds", "0.3", "--json", "--steps", "500", "-o", "a.wav"});
    const pid_t child = studio.place.start(line);
    for (int i = 0; i < 3000 && studio.place.out().find("denoising") == std::string::npos; i++)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    kill(child, SIGINT);
    CHECK(studio.place.wait(child).status == 130);
    CHECK(studio.place.files().empty());
}

TEST_CASE("lengths and numbers that cannot be are status 2, and nothing is written", "[gpu]") {
    const Studio studio;
    studio.refused({"--seconds", "0"}, 2, "--seconds");
    studio.refused({"--seconds", "-1"}, 2, "--seconds");
    studio.refused({"--seconds", "86400"}, 2, "is above the maximum of 3600");
    studio.refused({"--seconds", "nan"}, 2, "--seconds");
    studio.refused({"--sampler", "guess"}, 2, "--sampler");
    studio.refused({"--repaint-from", "0.1"}, 2, "needs the sound");
}

TEST_CASE("a length that does not fit is status 5 with what would, and nothing is written",
          "[gpu]") {
    const Studio studio;
    studio.refused({"--seconds", "3600", "--window", "0", "-o", "hour.wav"}, 5,
                   "in windows of 1.28");
    const Finished f =
        studio.run({"--seconds", "60", "--window", "0", "--memory", "24M", "-o", "a.wav"});
    CAPTURE(f.err);
    CHECK(f.status == 5);
    CHECK_THAT(f.err, ContainsSubstring("this size would fit within") &&
                          ContainsSubstring("seconds at a time within what is there"));
    CHECK(studio.place.files().empty());
}

TEST_CASE("files that are no sound are status 3, and nothing is written", "[gpu]") {
    const Studio studio;
    studio.write_wav("good.wav");
    const std::string good = contents(studio.place.path("good.wav"));
    fs::remove(studio.place.path("good.wav"));
    const auto given = [&](const std::string& bytes, const char* words) {
        std::ofstream(studio.place.path("in.wav"), std::ios::binary) << bytes;
        studio.refused({"--init", "in.wav", "-o", "out.wav"}, 3, words, {"in.wav"});
    };
    given("", "in.wav");
    given(good.substr(0, 30), "in.wav");
    given(good.substr(0, good.size() - 1000), "in.wav");
    given("RIFF and what follows is no sound at all", "in.wav");
    studio.refused({"--init", "none.wav", "-o", "out.wav"}, 3, "none.wav", {"in.wav"});
}

TEST_CASE("a stereo sound at another rate is mixed down, and that is said", "[gpu]") {
    const Studio studio;
    studio.write_wav("in.wav", 2, 44100);
    const Finished f = studio.run({"--init", "in.wav", "--strength", "0.5", "-o", "out.wav"});
    CHECK(f.status == 0);
    CHECK_THAT(f.err, ContainsSubstring("2 channels") && ContainsSubstring("44100"));
    const Sound out = studio.heard("out.wav");
    CHECK(out.channels == 1);
    CHECK(out.sample_rate == 16000);
    CHECK(std::abs(out.seconds() - 0.2) < 1e-3);
}

TEST_CASE("a sound goes on after its end", "[gpu]") {
    const Studio studio;
    studio.write_wav("in.wav");
    CHECK(studio.run({"--init", "in.wav", "--seconds", "0.3", "-o", "out.wav"}).status == 0);
    const Sound in = studio.heard("in.wav"), out = studio.heard("out.wav");
    REQUIRE(out.frames() == 4800);
    for (size_t i = 0; i < 2880; i++) REQUIRE(std::abs(out.samples[i] - in.samples[i]) < 1e-4);
}

TEST_CASE("kiln audio needs no model of the user's", "[gpu]") {
    Workplace place;
    place.plugins = KILN_BINARY_DIR "/lib/kiln/plugins";
    const Finished f = place.run({"audio", "a bird", "--steps", "2", "--seed", "7", "--no-tuning"});
    CHECK(f.status == 0);
    const auto files = place.files();
    REQUIRE(files.size() == 1);
    const Sound sound = take(read_sound(place.path(files.front()).string()));
    CHECK(sound.sample_rate == 16000);
    CHECK(sound.frames() == 66560);
    CHECK(std::ranges::any_of(sound.samples, [](float v) { return std::abs(v) > 0.01f; }));
}

TEST_CASE("weights that are not finite are status 6 or 3 and named", "[gpu]") {
    const Studio studio([](const std::string& file, Tensors& tensors) {
        if (file.starts_with("unet/")) tensors.at("conv_in.weight").second[0] = INFINITY;
    });
    const Finished f = studio.run({"--seconds", "0.1", "-o", "a.wav"});
    CHECK(f.status == 6);
    CHECK_THAT(f.err, ContainsSubstring("conv_in.weight"));
    CHECK(studio.place.files().empty());
}

TEST_CASE("models lists what kiln audio can run, and no other plugin claims it") {
    const auto [golden, family] = GENERATE(std::pair{"audioldm", "AudioLDM (folder)"},
                                           std::pair{"audioldm2", "AudioLDM 2 (folder)"});
    Workplace place;
    place.plugins = KILN_BINARY_DIR "/lib/kiln/plugins";
    const TemporaryFolder model("apps-models");
    write_audio_model(model.path, golden);
    const Finished f = place.run({"models", "--json", "--models", model.path.string()});
    CHECK(f.status == 0);
    int found = 0;
    for (const Json& row : events_of(f.out))
        if (row["path"] == model.path.string()) {
            found++;
            CHECK(row["plugin"] == "audio");
            CHECK(row["family"] == family);
        }
    CHECK(found == 1);
}

TEST_CASE("kiln audio makes a sound with AudioLDM 2", "[gpu]") {
    Workplace place;
    place.plugins = KILN_BINARY_DIR "/lib/kiln/plugins";
    const TemporaryFolder model("apps-audioldm2");
    write_audio_model(model.path, "audioldm2");
    const Finished f = place.run({"audio", "a bell", "--model", model.path.string(), "--steps", "2",
                                  "--seconds", "0.1", "--no-tuning", "-o", "a.wav"});
    CHECK(f.status == 0);
    CHECK(take(read_sound(place.path("a.wav"))).frames() == 1600);
}
