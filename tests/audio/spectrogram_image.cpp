#include "modalities/audio/spectrogram_image.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <numeric>

#include "runtime/io/image.h"
#include "tests/audio/sounds.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

int brightness(const Image& image, int x, int y) {
    const auto from = image.pixels.begin() + 3 * (int64_t(y) * image.width + x);
    return std::accumulate(from, from + 3, 0);
}

int brightest_row(const Image& image, int x) {
    int best = 0;
    for (int y = 0; y < image.height; y++)
        if (brightness(image, x, y) > brightness(image, x, best)) best = y;
    return best;
}

std::vector<float> tone(double hertz, int64_t samples, int rate, float loudness) {
    std::vector<float> x;
    for (int64_t i = 0; i < samples; i++)
        x.push_back(loudness * float(std::sin(2 * std::numbers::pi * hertz * double(i) / rate)));
    return x;
}

const SpectrogramStyle kBare{.width = 64, .height = 200, .axes = false};

}   // namespace

TEST_CASE("a tone is a bright line at the height of its pitch", "[gpu]") {
    for (const int rate : {8000, 16000, 44100})
        for (const double hertz : {300.0, 1000.0, 3500.0}) {
            INFO(hertz << " Hz at " << rate);
            const Image image =
                take(spectrogram_image(test_device(), tone(hertz, rate, rate, 0.5f), rate, kBare));
            CHECK(image.width == 64);
            CHECK(image.height == 200);
            const double up =
                hertz_to_mel(hertz, MelScale::slaney) / hertz_to_mel(rate / 2.0, MelScale::slaney);
            for (int x : {8, 31, 55}) CHECK(std::abs(brightest_row(image, x) - 200 * (1 - up)) < 3);
        }
}

TEST_CASE("a sound is bright when it sounds, and silence is black", "[gpu]") {
    std::vector<float> x = tone(1000, 8000, 16000, 0.5f);
    x.resize(16000, 0.0f);
    const Image image = take(spectrogram_image(test_device(), x, 16000, kBare));
    const int row = brightest_row(image, 16);
    CHECK(brightness(image, 16, row) > 600);
    for (int y = 0; y < image.height; y++) CHECK(brightness(image, 50, y) == 4);
    const Image silent =
        take(spectrogram_image(test_device(), std::vector<float>(300, 0.0f), 16000, kBare));
    for (int y = 0; y < silent.height; y++) CHECK(brightness(silent, 30, y) == 4);
}

TEST_CASE("decibels of a mel spectrogram become colours", "[gpu]") {
    MelOptions o;
    o.bands = 2;
    const float step = float(40 * std::log(10.0) / 20);   // 40 dB
    const Image image = take(spectrogram_image({2, 2, {0, -step, -2 * step, 0}}, o,
                                               {.width = 16, .height = 16, .axes = false}));
    CHECK(brightness(image, 0, 15) == 252 + 253 + 191);
    CHECK(brightness(image, 0, 0) == 182 + 54 + 121);
    CHECK(brightness(image, 15, 15) == 4);
}

TEST_CASE("axes stand around the same picture", "[gpu]") {
    const std::vector<float> x = sound("axes", 24000, 16000);
    const SpectrogramStyle style{.width = 300, .height = 140};
    SpectrogramStyle bare = style;
    bare.axes = false;
    const Image with = take(spectrogram_image(test_device(), x, 16000, style)),
                without = take(spectrogram_image(test_device(), x, 16000, bare));
    const Image back = take(decode_image(encode_png(with), "spectrogram"));
    CHECK(back.pixels == with.pixels);
    REQUIRE(with.width > without.width);
    for (int y = 0; y < bare.height; y++)
        for (int x = 0; x < bare.width; x++)
            REQUIRE(brightness(with, x + 58, y + 6) == brightness(without, x, y));
    int ink = 0;
    for (int y = 0; y < with.height; y++)
        for (int x = 0; x < 58; x++) ink += brightness(with, x, y) > 600;
    CHECK(ink > 100);
}

TEST_CASE("pictures that cannot be are refused", "[gpu]") {
    const auto device = test_device();
    const auto refused = [](const Result<Image>& image) {
        REQUIRE(!image);
        CHECK(image.error().status == Status::usage);
    };
    const std::vector<float> x(100, 0.0f);
    refused(spectrogram_image(device, x, 16000, {.width = 3}));
    refused(spectrogram_image(device, x, 16000, {.height = 9000}));
    refused(spectrogram_image(device, x, 16000, {.range = 0}));
    refused(spectrogram_image(device, x, 0));
    refused(spectrogram_image(device, {}, 16000));
    refused(spectrogram_image(device, std::vector<float>(100, NAN), 16000));
    refused(spectrogram_image({}, {}));
    refused(spectrogram_image({1, 64, std::vector<float>(64, INFINITY)}, {}));
    refused(spectrogram_image({1, 64, std::vector<float>(63, 0.0f)}, {}));
}
