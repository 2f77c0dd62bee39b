// The high band: what is known of a sound stays, and what is added follows from what is below.
#include "modalities/audio/high_band.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "tests/support/device.h"
#include "tests/support/hashed_model.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr int kRate = 16000;

Sound mono(std::vector<float> samples) { return {kRate, 1, std::move(samples)}; }

// Mean power between two frequencies, dB, by transforms of 2048 samples without a shared line of
// code.
double level(const Sound& sound, double from, double to) {
    constexpr int kCount = 2048;
    double power = 0;
    int terms = 0;
    const int first = int(std::ceil(from * kCount / sound.sample_rate)),
              last = int(to * kCount / sound.sample_rate);
    for (int64_t at = 0; at + kCount <= sound.frames(); at += kCount)
        for (int k = first; k <= last; k += 7) {
            double re = 0, im = 0;
            for (int i = 0; i < kCount; i++) {
                const double turn = 2 * std::numbers::pi * double(int64_t(k) * i % kCount) / kCount;
                const double hann = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * i / kCount);
                const double x = hann * double(sound.samples[size_t(at + i)]);
                re += x * std::cos(turn), im -= x * std::sin(turn);
            }
            power += re * re + im * im, terms++;
        }
    return 10 * std::log10(power / terms + 1e-30);
}

Sound restored(const Sound& sound) { return take(restore_high_band(test_device(), sound)); }

// Noise whose amplitude falls by so many dB an octave.
Sound falling_noise(double slope) {
    const std::vector<float> white = noise("falling noise", 8192, 0.5f);
    Sound sound = mono(std::vector<float>(white.size()));
    // A sum of sines from 500 Hz on, with the noise's values as phases.
    for (size_t k = 128; k < 2048; k++) {
        const double gain = std::pow(double(k) / 1024, slope / 6.0206) / 64;
        const double phase = 100 * double(white[k]);
        for (size_t i = 0; i < white.size(); i++)
            sound.samples[i] +=
                float(gain * std::sin(2 * std::numbers::pi * double(k * i % 4096) / 4096 + phase));
    }
    return sound;
}

}   // namespace

TEST_CASE("noise goes on above as it falls below", "[gpu]") {
    for (const double slope : {0.0, -6.0, -12.0}) {
        const Sound low = falling_noise(slope), both = restored(low);
        INFO(slope << " dB an octave");
        CHECK(both.sample_rate == 2 * kRate);
        CHECK(both.frames() == 2 * low.frames());
        // Two bands of half an octave each, one octave apart.
        const double fall = level(both, 10000, 14000) - level(both, 5000, 7000);
        CHECK(std::abs(fall - slope) < 2.5);
    }
}

TEST_CASE("a high band leaves alone what is known", "[gpu]") {
    const Sound low = falling_noise(-6), both = restored(low);
    Sound added = take(resample_sound(low, 2 * kRate));
    for (size_t i = 0; i < added.samples.size(); i++)
        added.samples[i] = both.samples[i] - added.samples[i];
    CHECK(level(added, 600, 7300) < level(both, 600, 7300) - 70);
    CHECK(level(added, 9000, 14000) > level(both, 600, 7300) - 30);

    const Sound silence = restored(mono(std::vector<float>(5000)));
    for (float v : silence.samples) REQUIRE(v == 0);
}

TEST_CASE("a high band has no tones off pitch", "[gpu]") {
    std::vector<float> tone(8192);
    for (size_t i = 0; i < tone.size(); i++)
        tone[i] = 0.5f * std::sin(2 * std::numbers::pi_v<float> * float(i % 16) * 5 / 16);
    const Sound both = restored(mono(tone));
    CHECK(level(both, 8500, 15500) < level(both, 4900, 5100) - 45);
}

TEST_CASE("a high band has no seams, and keeps channels apart", "[gpu]") {
    // Longer than what is worked on at once: the end is that of the end alone.
    const std::vector<float> samples = noise("a long sound", 80000, 0.5f);
    const Sound whole = restored(mono(samples));
    constexpr size_t kFrom = 60032;   // frames of the part are frames of the whole
    const Sound part = restored(mono({samples.begin() + kFrom, samples.end()}));
    double largest = 0;
    for (size_t i = 4096; i < part.samples.size(); i++)
        largest = std::max(
            largest, std::abs(double(part.samples[i]) - double(whole.samples[2 * kFrom + i])));
    CHECK(largest < 1e-4);

    Sound stereo{kRate, 2, std::vector<float>(16000)};
    for (size_t i = 0; i < 8000; i++) stereo.samples[2 * i + 1] = samples[i];
    const Sound both = restored(stereo),
                right = restored(mono({samples.begin(), samples.begin() + 8000}));
    for (size_t i = 0; i < right.samples.size(); i++) {
        REQUIRE(both.samples[2 * i] == 0);
        REQUIRE(std::abs(both.samples[2 * i + 1] - right.samples[i]) < 1e-5);
    }
}

TEST_CASE("a high band needs a sound", "[gpu]") {
    CHECK(restore_high_band(test_device(), mono({})).error().status == Status::usage);
    CHECK(restore_high_band(test_device(), mono({0, std::numeric_limits<float>::quiet_NaN()}))
              .error()
              .status == Status::usage);
}
