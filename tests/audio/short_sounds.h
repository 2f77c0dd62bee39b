// Short sounds of the small models, and their comparison with each other and with goldens.
#pragma once
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <memory>

#include "modalities/audio/pipeline.h"
#include "tests/audio/models.h"
#include "tests/support/device.h"

namespace kiln::test {

// Opened once a process: the model is written to a folder, loaded, and the folder goes.
inline AudioPipeline& pipeline() {
    static const auto open = [] {
        const TemporaryFolder folder("pipeline-audioldm");
        write_audioldm(folder.path);
        return std::make_unique<AudioPipeline>(
            take(AudioPipeline::open(test_device(), folder.path.string())));
    }();
    return *open;
}

inline AudioRequest short_request() {
    return {.prompt = "rain on a roof", .seconds = 0.3, .steps = 2, .sampler = "ddim", .seed = 3};
}

inline std::vector<float> samples_of(const AudioRequest& request) {
    return take(pipeline().run(request)).at(0).sound.samples;
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    REQUIRE(a.size() == b.size());
    double largest = 0;
    for (size_t i = 0; i < a.size(); i++)
        largest = std::max(largest, std::abs(double(a[i]) - double(b[i])));
    return largest;
}

// What a golden asks for.
inline AudioRequest request_of(const nlohmann::json& c) {
    AudioRequest r{.prompt = c.at("prompt"), .seconds = c.at("seconds"), .steps = c.at("steps")};
    if (c.contains("negative")) r.negative = c.at("negative").get<std::string>();
    if (c.contains("cfg")) r.cfg = c.at("cfg").get<double>();
    if (c.contains("eta")) r.eta = c.at("eta").get<double>();
    r.sampler = c.value("sampler", "");
    r.schedule = c.value("schedule", "default");
    r.vocoder = c.value("vocoder", "auto");
    r.seed = c.at("seed");
    r.count = r.batch = c.value("count", 1);
    if (c.contains("init")) {
        r.init = Sound{.sample_rate = 16000,
                       .channels = 1,
                       .samples = noise(c.at("init"), int64_t(r.seconds * 16000), 0.4f)};
        r.strength = c.at("strength").get<double>();
    }
    return r;
}

inline std::vector<std::string> names_of(const nlohmann::json& cases) {
    std::vector<std::string> names;
    for (const auto& [name, value] : cases.items()) names.push_back(name);
    return names;
}

inline std::vector<float> sixteen_bits(const Safetensors& file, const std::string& name) {
    const TensorInfo* info = file.find(name);
    REQUIRE(info);
    const auto bytes = file.bytes(*info);
    std::vector<float> values;
    for (size_t i = 0; i < bytes.size(); i += 2)
        values.push_back(float(int16_t(uint16_t(bytes[i]) | uint16_t(bytes[i + 1]) << 8)) /
                         32767.0f);
    return values;
}

// The sounds of one case of a golden, within 1e-3 of full scale.
inline void check_sound(AudioPipeline& pipeline, const std::string& name,
                        const nlohmann::json& asked) {
    const auto takes = pipeline.run(request_of(asked));
    if (!takes) FAIL(takes.error().message);
    std::vector<float> found;
    for (const AudioTake& each : *takes)
        found.insert(found.end(), each.sound.samples.begin(), each.sound.samples.end());
    const std::string file = asked.at("file");
    const auto expected = sixteen_bits(audio_values(file.substr(0, file.find('.'))), name);
    CHECK(takes->at(0).sound.sample_rate == 16000);
    CHECK(largest_difference(found, expected) < 1e-3);
}

// A chirp at `rate` with `channels` copies.
inline Sound chirp(double seconds, int rate, int channels, float level = 0.4f) {
    Sound sound{.sample_rate = rate, .channels = channels, .samples = {}};
    for (int64_t i = 0; i < int64_t(seconds * rate); i++) {
        const double t = double(i) / rate;
        for (int c = 0; c < channels; c++)
            sound.samples.push_back(level * float(std::sin(2 * 3.14159265 * (400 + 900 * t) * t)));
    }
    return sound;
}

// A model's folder, written by `write`, in which one key of a file has another value, is bad_file
// and says what it was.
inline void refused_with(const std::function<void(const fs::path&)>& write, const char* file,
                         const char* key, const nlohmann::json& value, const char* fact) {
    const TemporaryFolder folder("audio-misfit");
    write(folder.path);
    const std::string path = (folder.path / file).string();
    nlohmann::json config = take(read_json(path));
    config[key] = value;
    const std::string text = config.dump();
    take(write_file(path, as_bytes(text)));
    const auto opened = AudioPipeline::open(test_device(), folder.path.string());
    CAPTURE(file, key);
    REQUIRE(!opened);
    CHECK(opened.error().status == Status::bad_file);
    CHECK_THAT(opened.error().message, Catch::Matchers::ContainsSubstring(fact));
}

}   // namespace kiln::test
