// HiFi-GAN against transformers and against its authors' generator: tools/reference/vocoder.py.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <nlohmann/json.hpp>

#include "modalities/audio/vocoder.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "tests/support/device.h"
#include "tests/support/hashed_model.h"

using namespace kiln;
using namespace kiln::test;

namespace {

const fs::path kGoldens = fs::path(KILN_GOLDEN_DIR) / "audio";

struct Golden {
    std::string name;
    nlohmann::json document;
    TemporaryFolder folder;

    explicit Golden(const std::string& n)
        : name(n),
          document(take(read_json((kGoldens / (n + ".vocoder.json")).string()))),
          folder("vocoder-" + n) {
        const float gain = document.at("gain");
        collect(document.at("tensors"), "", tensors);
        const bool folded = !tensors.count("conv_pre.weight_g") &&
                            !tensors.count("conv_pre.parametrizations.weight.original0");
        for (auto& [key, tensor] : tensors) {
            const int64_t count = tensor.first.count();
            std::vector<float>& values = tensor.second;
            values = weight(key, tensor.first);
            if (key.ends_with("weight_g") || key.ends_with("original0")) {
                values = noise(key, count);
                for (float& v : values) v = gain + 0.3f * v;
            } else if (key == "scale") {
                values = noise(key, count, 1, 1.5f);
            } else if (folded && key.ends_with("weight")) {
                for (float& v : values) v *= gain;
            }
        }
        write();
    }
    void write(const std::string& file = "model.safetensors", const std::string& root = "") {
        take(write_file((folder.path / "config.json").string(),
                        as_bytes(document.at("config").dump())));
        Tensors named;
        for (const auto& [key, tensor] : tensors) named[root + key] = tensor;
        write_tensors(folder.path / file, named);
    }
    VocoderFiles open() const { return take(VocoderFiles::open(folder.path.string())); }
    std::vector<float> mel() const {
        const int64_t frames = document.at("frames"), mels = open().config.mels;
        return noise(name + ".mel", frames * mels, 3);
    }
    std::vector<float> waveform() const {
        const auto path = (kGoldens / (name + ".vocoder.safetensors")).string();
        return expected(take(Safetensors::open(path)), "waveform");
    }

    Tensors tensors;
};

std::vector<float> run(Vocoder& vocoder, const Golden& golden) {
    return take(vocoder.run(golden.mel()));
}

}   // namespace

TEST_CASE("the vocoder agrees with the published generators", "[gpu]") {
    const Golden golden(GENERATE("small", "tiny"));
    INFO(golden.name);
    const auto device = test_device(GENERATE(from_range(kProfiles)));
    Vocoder vocoder(device, golden.open());
    CHECK(vocoder.config().samples(golden.document.at("frames")) == golden.document.at("samples"));
    CHECK(relative_l2(run(vocoder, golden), golden.waveform()) < 1e-4);
    check_silent(*device);
}

TEST_CASE("vocoders of full size agree with the published generators", "[.][gpu][nightly]") {
    const Golden golden(GENERATE("v1", "v2", "v3", "audio_ldm"));
    INFO(golden.name);
    Vocoder vocoder(test_device(), golden.open());
    CHECK(vocoder.config().samples(golden.document.at("frames")) == golden.document.at("samples"));
    CHECK(relative_l2(run(vocoder, golden), golden.waveform()) < 1e-4);
}

TEST_CASE("a vocoder works in half precision too", "[gpu]") {
    const Golden golden("tiny");
    VocoderOptions half{.storage = Storage::f16, .activations = DType::f16};
    Vocoder vocoder(test_device(), golden.open(), half);
    CHECK(relative_l2(run(vocoder, golden), golden.waveform()) < 1e-2);
}

TEST_CASE("a spectrogram in pieces gives the waveform of the whole", "[gpu]") {
    const Golden golden(GENERATE("small", "tiny"));
    const int64_t frames = GENERATE(1, 7, 20);
    CAPTURE(golden.name, frames);
    REQUIRE(golden.document.at("frames") > frames + 2 * golden.open().config.halo());
    Vocoder vocoder(test_device(), golden.open(), {.frames = frames});
    int64_t pieces = 0, before = 0;
    Vocoder::Events events;
    events.progress = [&](int64_t done, int64_t total) {
        pieces++;
        CHECK(done > before);
        CHECK(total == golden.document.at("frames"));
        before = done;
    };
    const auto waveform = take(vocoder.run(golden.mel(), events));
    CHECK(pieces > 1);
    CHECK(before == golden.document.at("frames"));
    // Every sample on its own: a seam that shows is a few samples long.
    const auto whole = golden.waveform();
    REQUIRE(waveform.size() == whole.size());
    for (size_t i = 0; i < whole.size(); i++) REQUIRE(std::abs(waveform[i] - whole[i]) < 1e-4);
}

TEST_CASE("the halo is what a sample depends on", "[gpu]") {
    const Golden golden(GENERATE("small", "tiny"));
    const HifiGanConfig config = golden.open().config;
    Vocoder vocoder(test_device(), golden.open());
    std::vector<float> mel = golden.mel();
    const auto before = take(vocoder.run(mel));
    const int64_t frame = 40, halo = config.halo();
    for (int64_t b = 0; b < config.mels; b++) mel[size_t(frame * config.mels + b)] += 3;
    const auto after = take(vocoder.run(mel));
    int64_t first = int64_t(after.size()), last = 0;
    for (int64_t i = 0; i < int64_t(after.size()); i++)
        if (before[size_t(i)] != after[size_t(i)]) first = std::min(first, i), last = i;
    CHECK(first >= (frame - halo) * config.hop());
    CHECK(last < (frame + 1 + halo) * config.hop());
    CHECK(last - first > halo * config.hop());   // it is not much larger than it need be
}

TEST_CASE("a vocoder opens as the authors keep it, and refuses what is none", "[gpu]") {
    Golden golden("tiny");
    const auto device = test_device();
    const auto path = [&](const char* name) { return (golden.folder.path / name).string(); };
    const auto refusal = [](const std::string& from) {
        const auto files = VocoderFiles::open(from);
        REQUIRE(!files);
        CHECK(files.error().status == Status::bad_file);
        return files.error().message;
    };
    const auto contains = [](const std::string& text, std::string_view words) {
        INFO(text);
        CHECK(text.find(words) != std::string::npos);
    };
    fs::remove(path("model.safetensors"));
    contains(refusal(golden.folder.path.string()), "found none");
    take(write_file(path("generator_v3"), as_bytes("PK\x03\x04 pickled")));
    contains(refusal(golden.folder.path.string()), "['generator']");
    contains(refusal(path("generator_v3")), "['generator']");

    golden.write("g_02500000.safetensors", "generator.");
    Vocoder vocoder(device, golden.open());
    CHECK(relative_l2(run(vocoder, golden), golden.waveform()) < 1e-4);
    Vocoder same(device, take(VocoderFiles::open(path("g_02500000.safetensors"))));
    CHECK(run(same, golden) == run(vocoder, golden));

    golden.tensors["conv_pre.weight_v"].second[5] = NAN;
    golden.write("g_02500000.safetensors");
    try {
        Vocoder broken(device, golden.open());
        FAIL("weights that are not numbers were taken");
    } catch (const ResultError& failure) {
        CHECK(failure.error.status == Status::not_finite);
        contains(failure.error.message, "conv_pre.weight_v");
    }
    contains(refusal(path("none.safetensors")), "found none");
}

TEST_CASE("a spectrogram that is none is refused", "[gpu]") {
    const Golden golden("tiny");
    Vocoder vocoder(test_device(), golden.open());
    CHECK(vocoder.run({}).error().status == Status::usage);
    CHECK(vocoder.run(std::vector<float>(13)).error().status == Status::usage);
    std::vector<float> mel = golden.mel();
    mel[100] = NAN;
    CHECK(vocoder.run(mel).error().status == Status::not_finite);
    Vocoder::Events events;
    events.cancelled = [] { return true; };
    CHECK(vocoder.run(golden.mel(), events).error().status == Status::interrupted);
}

TEST_CASE("a vocoder's configuration is read from both publishers, or refused by the key") {
    const auto parse = [](const nlohmann::json& document) {
        return parse_hifi_gan_config(JsonObject(document, "config.json"));
    };
    const HifiGanConfig defaults = take(parse({{"model_type", "speecht5_hifigan"}}));
    CHECK(defaults.normalised);
    CHECK(defaults.hop() == 256);
    CHECK(defaults.rates == std::vector<int>(4, 4));
    CHECK(defaults.sample_rate == 16000);
    const Golden v3("v3");
    const HifiGanConfig c = v3.open().config;
    CHECK_FALSE(c.pairs);
    CHECK_FALSE(c.normalised);
    CHECK(c.mels == 80);
    CHECK(c.fft == 1024);
    CHECK(c.high == 8000);
    CHECK(c.dilations[2] == std::vector<int>{3, 12});

    const auto refused = [&](const char* key, const nlohmann::json& value) {
        nlohmann::json document = v3.document.at("config");
        document[key] = value;
        const auto result = parse(document);
        INFO(key << " " << value);
        REQUIRE(!result);
        CHECK(result.error().status == Status::bad_file);
        CHECK(result.error().message.find(key) != std::string::npos);
    };
    refused("num_mels", 0);
    refused("num_mels", "many");
    refused("upsample_initial_channel", 12);
    refused("upsample_rates", nlohmann::json::array());
    refused("upsample_rates", {8, 256, 4});
    refused("upsample_kernel_sizes", {16, 16});
    refused("upsample_kernel_sizes", {4, 16, 8});
    refused("resblock_kernel_sizes", {3, 4, 7});
    refused("resblock_dilation_sizes", {{1, 2}, {2, 6}});
    refused("resblock_dilation_sizes", {{1, 2}, {2, 6}, {3, 1 << 20}});
    refused("resblock_dilation_sizes", {{1, 2}, {2, 6}, "far"});
    refused("hop_size", 200);
    refused("fmax", "high");
}
