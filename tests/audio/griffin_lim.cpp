// Griffin-Lim against librosa: tools/reference/signals.py.
#include "modalities/audio/griffin_lim.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/graph/graph.h"
#include "tests/audio/sounds.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

const StftOptions kTransform{.n_fft = 256, .hop = 64, .pad = PadMode::zero};

std::vector<float> magnitudes_of(const std::vector<float>& x, const StftOptions& o) {
    const Tensor spectra = stft(constant({1, int64_t(x.size())}, x), o);
    return take(evaluate(test_device(), magnitude(spectra)));
}

std::vector<float> wanted_magnitudes() {
    return magnitudes_of(sound("griffin_lim", 3000, 8000), kTransform);
}

MelOptions linear_mel() {
    MelOptions o;
    o.log = MelLog::none;
    return o;
}

}   // namespace

TEST_CASE("Griffin-Lim finds the phases that librosa finds", "[gpu]") {
    const Safetensors goldens = audio_goldens("griffin_lim");
    const std::vector<float> wanted = wanted_magnitudes();
    const struct {
        const char* name;
        GriffinLimOptions options;
        double tolerance;   // of the waveform: differences in rounding grow with the iterations
    } rows[] = {{"first", {.iterations = 1, .seed = 7}, 2e-6},
                {"few", {.iterations = 4, .seed = 7}, 2e-5},
                {"fast", {.iterations = 32, .seed = 7}, 1e-3},
                {"plain", {.iterations = 32, .momentum = 0, .seed = 3}, 2e-4},
                {"unmoved", {.iterations = 16, .momentum = 0.5, .seed = {}}, 2e-4}};
    for (const auto& row : rows) {
        const std::vector<float> found =
            take(griffin_lim(test_device(), wanted, kTransform, row.options));
        const std::string name = row.name;
        const double convergence = relative_l2(magnitudes_of(found, kTransform), wanted),
                     librosa = double(expected(goldens, name + ".convergence")[0]);
        const double off = relative_l2(found, expected(goldens, name));
        UNSCOPED_INFO(name << ": waveform off by " << off << ", spectral convergence "
                           << convergence << ", librosa " << librosa);
        CHECK(off < row.tolerance);
        CHECK(std::fabs(convergence - librosa) < 1e-3 * librosa);
    }
}

TEST_CASE("a step of Griffin-Lim keeps spectra that belong to a signal", "[gpu]") {
    const StftOptions o{.n_fft = 64, .hop = 16};
    const std::vector<float> x = sound("kept", 800, 8000);
    const Tensor spectra = stft(constant({1, 800}, x), o);
    const Tensor sizes = reshape(magnitude(spectra), {1, spectra[1], 1, 33});
    const PhaseEstimate next = griffin_lim_step({spectra, spectra * 0.0f}, sizes, o, 0.99, 800);
    const auto device = test_device();
    CHECK(relative_l2(take(evaluate(device, next.spectra)), take(evaluate(device, spectra))) <
          1e-5);
}

TEST_CASE("magnitudes of a mel spectrogram have its bands", "[gpu]") {
    const std::vector<float> x = sound("of_mel", 8000, 16000);
    const auto device = test_device();
    const double librosa = double(expected(audio_goldens("griffin_lim"), "of_mel.residual")[0]);
    for (const char* profile : {"", "minimal"}) {
        const Tensor mel = mel_spectrogram(constant({1, 8000}, x), linear_mel());
        const Tensor found = magnitudes_of_mel(mel, linear_mel());
        const Tensor again = matmul(found, constant({513, 64}, mel_filters(linear_mel())));
        const auto values = take(evaluate(test_device(profile), again)),
                   golden = take(evaluate(device, mel));
        CHECK(relative_l2(values, golden) < std::min(librosa, 1e-3));
        for (float v : take(evaluate(device, found))) REQUIRE(v >= 0);
    }
}

TEST_CASE("a mel spectrogram becomes a sound that has it", "[gpu]") {
    const std::vector<float> x = sound("of_mel", 8000, 16000);
    const auto device = test_device();
    const double librosa = double(expected(audio_goldens("griffin_lim"), "of_mel.convergence")[0]);
    for (const int padding : {512, 432})
        for (const MelLog log : {MelLog::natural, MelLog::none}) {
            MelOptions o;
            o.padding = padding, o.log = log;
            const Mel mel = take(mel_spectrogram(device, x, o));
            int done = 0;
            const GriffinLimEvents events{.progress = [&](int at, int) { done = at; },
                                          .cancelled = {}};
            const std::vector<float> y =
                take(griffin_lim_of_mel(device, mel.values, o, {}, events));
            CHECK(done == 32);
            CHECK(int64_t(y.size()) == mel.frames * o.hop);
            o.log = MelLog::none;
            const auto inner = [&](const std::vector<float>& sound) {   // away from the ends
                const std::vector<float> all = take(mel_spectrogram(device, sound, o)).values;
                return std::vector<float>(all.begin() + 4 * 64,
                                          all.begin() + (mel.frames - 4) * 64);
            };
            const double convergence = relative_l2(inner(y), inner(x));
            UNSCOPED_INFO("convergence " << convergence << ", librosa " << librosa);
            CHECK(convergence < (padding == 512 ? librosa : 0.1));   // 432: other frames
        }
}

TEST_CASE("Griffin-Lim refuses what is no spectrogram, and stops when told to", "[gpu]") {
    const auto device = test_device();
    const auto refused = [&](std::vector<float> magnitudes, const GriffinLimOptions& options) {
        const auto signal = griffin_lim(device, magnitudes, kTransform, options);
        REQUIRE(!signal);
        CHECK(signal.error().status == Status::usage);
        CHECK(signal.error().message.find("Griffin-Lim: ") == 0);
    };
    refused({}, {});
    refused(std::vector<float>(130, 1.0f), {});
    refused(std::vector<float>(258, NAN), {});
    refused(std::vector<float>(258, -1.0f), {});
    refused(std::vector<float>(258, 1.0f), {.iterations = 0});
    refused(std::vector<float>(258, 1.0f), {.momentum = NAN});
    CHECK(!griffin_lim_of_mel(device, std::vector<float>(65), {}));
    CHECK(!griffin_lim_of_mel(device, std::vector<float>(64, 200.0f), {}));   // exp overflows
    CHECK(take(griffin_lim_of_mel(device, std::vector<float>(64, 0.0f), {})).size() == 160);
    const auto stopped = griffin_lim(device, wanted_magnitudes(), kTransform, {}, 0,
                                     {.progress = {}, .cancelled = [] { return true; }});
    REQUIRE(!stopped);
    CHECK(stopped.error().status == Status::interrupted);
}

TEST_CASE("silence stays silent", "[gpu]") {
    const std::vector<float> y =
        take(griffin_lim(test_device(), std::vector<float>(129 * 9, 0.0f), kTransform));
    CHECK(y == std::vector<float>(512, 0.0f));
}
