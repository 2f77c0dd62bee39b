// kiln vocode, end to end: sound and spectrograms in, sound with tags out.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/io/audio.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "tests/apps/command.h"
#include "tests/support/hashed_model.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::json;

namespace {

struct Place : Workplace {
    Place() {
        plugins = KILN_BINARY_DIR "/lib/kiln/plugins";
        Sound sound{22050, 2, {}};
        for (int i = 0; i < 12000; i++)
            for (float amplitude : {0.3f, 0.2f})
                sound.samples.push_back(amplitude * float(std::sin(0.1 * i) * std::sin(0.001 * i)));
        take(write_sound(path("in.wav").string(), sound));
    }
    Finished vocode(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"vocode", "--no-tuning", "--iterations", "8"});
        return run(arguments);
    }
    std::string comment(const char* name) const {
        const std::string bytes = contents(path(name));
        for (const auto& [tag, value] : take(read_sound_tags(as_bytes(bytes), name)))
            if (tag == "comment") return value;
        return "{}";
    }
};

}   // namespace

TEST_CASE("a sound is taken apart and put together again, and the distance is said") {
    Place w;
    const Finished f = w.vocode({"in.wav", "-o", "out.flac", "--bits", "24", "--rate", "16000"});
    INFO(f.err);
    if (f.status == 4) SKIP("no device");
    CHECK(f.status == 0);
    CHECK(f.out == "out.flac\n");
    CHECK_THAT(f.err, ContainsSubstring("log-spectral distance"));
    const std::string bytes = contents(w.path("out.flac"));
    CHECK(bytes.starts_with("fLaC"));
    const Sound sound = take(decode_sound(as_bytes(bytes), "out.flac"));
    CHECK(sound.sample_rate == 16000);
    CHECK(sound.channels == 1);
    CHECK(std::abs(sound.seconds() - 12000.0 / 22050) < 0.02);
    const Json parameters = Json::parse(w.comment("out.flac"));
    CHECK(parameters["input"] == "in.wav");
    CHECK(parameters["vocoder"] == "griffin-lim");
    CHECK(parameters["iterations"] == 8);
    CHECK(parameters["multi_resolution_distance"] > 0);
    CHECK(parameters["multi_resolution_distance"] < 3);
}

TEST_CASE("an array becomes sound; loudness and names are as asked for") {
    Place w;
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 64, 40), }";
    std::string npy = std::string("\x93NUMPY\1\0", 8) + char(header.size()) + '\0' + header;
    for (int i = 0; i < 64 * 40; i++) {
        const float value = i / 40 == 12 ? 0.0f : -9.0f;   // one band sounds
        npy.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    w.write("tone.npy", npy);
    const Finished f = w.vocode({"tone.npy", "--loudness", "-30", "--seed", "3"});
    INFO(f.err);
    if (f.status == 4) SKIP("no device");
    CHECK(f.status == 0);
    CHECK(f.out == "tone-3.wav\n");
    const Sound sound = take(read_sound(w.path("tone-3.wav").string()));
    CHECK(sound.sample_rate == 16000);   // 64 bands are AudioLDM's
    CHECK(sound.frames() == 40 * 160);
}

TEST_CASE("a HiFi-GAN in a model's folder makes sound of a sound", "[gpu]") {
    Place w;
    const Json golden = take(read_json(KILN_GOLDEN_DIR "/audio/tiny.vocoder.json"));
    Tensors tensors;
    collect(golden.at("tensors"), "", tensors);
    for (auto& [name, tensor] : tensors) tensor.second = weight(name, tensor.first);
    write_tensors(w.path("model/vocoder/model.safetensors"), tensors);
    w.write("model/vocoder/config.json", golden.at("config").dump());
    const Finished f = w.vocode({"in.wav", "-m", "model", "-o", "out.wav", "--bits", "32"});
    INFO(f.err);
    if (f.status == 4) SKIP("no device");
    CHECK(f.status == 0);
    CHECK_THAT(f.err, ContainsSubstring("multi-resolution STFT distance"));
    const Sound sound = take(read_sound(w.path("out.wav").string()));
    CHECK(sound.frames() == 12000);
    CHECK(Json::parse(w.comment("out.wav"))["vocoder"] == "model");
}

TEST_CASE("bad input ends in a clear error and leaves nothing behind") {
    Place w;
    w.write("empty.wav", "");
    w.write("cut.wav", contents(w.path("in.wav")).substr(0, 1000));
    w.write("text.txt", "no sound at all");
    const auto refused = [&](std::vector<std::string> arguments, int status, const char* words) {
        const Finished f = w.vocode(arguments);
        if (f.status == 4) SKIP("no device");
        CHECK(f.status == status);
        CHECK_THAT(f.err, ContainsSubstring(words));
    };
    refused({"empty.wav"}, 3, "the file is empty");
    refused({"cut.wav"}, 3, "cut short");
    refused({"text.txt"}, 3, "expected a sound");
    refused({"gone.wav"}, 3, "gone.wav");
    refused({"in.wav", "--vocoder", "nobody"}, 3, "nobody");
    refused({"in.wav", "--vocoder", "."}, 3, "config.json");
    refused({"in.wav", "-o", "x.flac", "--bits", "32"}, 2, "FLAC");
    refused({"in.wav", "-o", "x.mp3"}, 2, ".mp3");
    refused({"in.wav", "--bits", "20"}, 2, "--bits");
    CHECK(w.files().size() == 4);
}
