// Loudness as EBU Tech 3341 tests meters, and the gain that follows from it.
#include "modalities/audio/loudness.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <numbers>

using namespace kiln;

namespace {

double from_db(double db) { return std::pow(10, db / 20); }

Sound tone(double seconds, double hertz, double amplitude, int rate = 48000, int channels = 2,
           double phase = 0) {
    Sound sound{rate, channels, {}};
    for (int64_t i = 0; i < int64_t(seconds * rate); i++)
        sound.samples.insert(
            sound.samples.end(), size_t(channels),
            float(amplitude * std::sin(2 * std::numbers::pi * hertz * double(i) / rate + phase)));
    return sound;
}

}   // namespace

TEST_CASE("a stereo tone of 1 kHz is as loud as EBU Tech 3341 says") {
    const double level = GENERATE(-23.0, -33.0);   // its cases 1 and 2: dBFS of the peak, and LUFS
    const Loudness loudness = loudness_of(tone(20, 1000, from_db(level)));
    REQUIRE(loudness.integrated);
    CHECK(std::abs(*loudness.integrated - level) < 0.1);
}

TEST_CASE("the peak between samples is seen") {
    // Case 17 of EBU Tech 3341: samples at 45 degrees of a quarter of the rate are 3 dB too low.
    const Sound sound = tone(1, 12000, 0.5, 48000, 2, std::numbers::pi / 4);
    float most = 0;
    for (float sample : sound.samples) most = std::max(most, std::abs(sample));
    CHECK(most < 0.36f);
    CHECK(std::abs(20 * std::log10(loudness_of(sound).true_peak) + 6.0) < 0.4);
}

TEST_CASE("a sound is brought to its loudness, or to the ceiling") {
    const double seconds = GENERATE(0.05, 0.5, 3.0);
    CAPTURE(seconds);
    Sound quiet = tone(seconds, 1000, 0.01, 16000, 1);
    normalise_loudness(quiet, {.integrated = -23});
    CHECK(std::abs(*loudness_of(quiet).integrated + 23) < 0.1);

    Sound sparse = tone(3, 1000, 0.001, 16000, 1);   // a click in near silence
    sparse.samples[20000] = 0.9f;
    const double gain = normalise_loudness(sparse, {.integrated = -14, .ceiling = -1});
    const Loudness after = loudness_of(sparse);
    CHECK(gain < 1.2);
    CHECK(*after.integrated < -20);
    CHECK(after.true_peak <= from_db(-1) * 1.0001);
    CHECK(after.true_peak > from_db(-1) * 0.99);
}

TEST_CASE("without a target only what would clip is turned down") {
    Sound loud = tone(1, 997, 1.7), fine = tone(1, 997, 0.5);
    const std::vector<float> before = fine.samples;
    CHECK(normalise_loudness(loud, {}) < 0.6);
    CHECK(loudness_of(loud).true_peak <= from_db(-1) * 1.0001);
    CHECK(normalise_loudness(fine, {}) == 1);
    CHECK(fine.samples == before);
}

TEST_CASE("silence has no loudness and stays silent") {
    Sound silence{16000, 1, std::vector<float>(16000)};
    CHECK_FALSE(loudness_of(silence).integrated);
    CHECK(normalise_loudness(silence, {.integrated = -23}) == 1);
    Sound nothing{16000, 1, {}};
    CHECK_FALSE(loudness_of(nothing).integrated);
}
