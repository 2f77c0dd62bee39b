// Distances of sounds against the definitions, term by term.
#include "modalities/audio/distance.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <complex>
#include <numbers>

#include "tests/support/device.h"
#include "tests/support/hashed_model.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr double kPi = std::numbers::pi;

// |STFT| of frames that lie within the samples, the window in the middle of a frame.
std::vector<std::vector<double>> magnitudes(const std::vector<float>& x, int n_fft, int hop,
                                            int window) {
    std::vector<std::vector<double>> frames;
    for (size_t from = 0; from + size_t(n_fft) <= x.size(); from += size_t(hop)) {
        std::vector<double> bins;
        for (int k = 0; k <= n_fft / 2; k++) {
            std::complex<double> sum = 0;
            for (int i = 0; i < window; i++) {
                const int at = (n_fft - window) / 2 + i;
                const double hann = 0.5 - 0.5 * std::cos(2 * kPi * i / window);
                sum += hann * double(x[from + size_t(at)]) *
                       std::polar(1.0, -2 * kPi * double(k) * at / n_fft);
            }
            bins.push_back(std::max(std::abs(sum), 1e-5));
        }
        frames.push_back(bins);
    }
    return frames;
}

}   // namespace

TEST_CASE("distances of sounds are what their papers define", "[gpu]") {
    const auto x = noise("one sound", 2600, 0.5f), y = noise("another", 2600, 0.4f);
    double lsd = 0;
    const auto a = magnitudes(x, 1024, 256, 1024), b = magnitudes(y, 1024, 256, 1024);
    for (size_t f = 0; f < a.size(); f++) {
        double square = 0;
        for (size_t k = 0; k < a[f].size(); k++)
            square += std::pow(20 * std::log10(a[f][k] / b[f][k]), 2);
        lsd += std::sqrt(square / double(a[f].size())) / double(a.size());
    }
    double resolutions = 0;
    for (const auto& [n_fft, hop, window] :
         {std::array{1024, 120, 600}, std::array{2048, 240, 1200}, std::array{512, 50, 240}}) {
        const auto p = magnitudes(x, n_fft, hop, window), q = magnitudes(y, n_fft, hop, window);
        double difference = 0, size = 0, logs = 0, count = 0;
        for (size_t f = 0; f < p.size(); f++)
            for (size_t k = 0; k < p[f].size(); k++) {
                difference += std::pow(q[f][k] - p[f][k], 2);
                size += std::pow(q[f][k], 2);
                logs += std::abs(std::log(q[f][k] / p[f][k]));
                count++;
            }
        resolutions += (std::sqrt(difference / size) + logs / count) / 3;
    }
    const auto device = test_device();
    const SoundDistance d = take(sound_distance(device, x, y));
    CHECK(std::abs(d.log_spectral / lsd - 1) < 1e-3);
    CHECK(std::abs(d.multi_resolution / resolutions - 1) < 1e-3);
    check_silent(*device);
}

TEST_CASE("a sound is no distance from itself, a louder one as far as it is louder", "[gpu]") {
    const auto x = noise("long", 300000);   // in several pieces
    auto louder = x;
    for (float& v : louder) v *= 2;
    const auto device = test_device();
    const SoundDistance same = take(sound_distance(device, x, x));
    CHECK(same.log_spectral == 0);
    CHECK(same.multi_resolution == 0);
    const SoundDistance twice = take(sound_distance(device, louder, x));
    CHECK(std::abs(twice.log_spectral - 20 * std::log10(2.0)) < 1e-3);
    CHECK(std::abs(twice.multi_resolution - (1 + std::log(2.0))) < 1e-3);
    const SoundDistance shorter = take(sound_distance(device, x, std::span(louder).first(200)));
    CHECK(std::abs(shorter.log_spectral - 20 * std::log10(2.0)) < 1e-3);
}

TEST_CASE("nothing, and what is no number, is not compared", "[gpu]") {
    const auto device = test_device();
    const std::vector<float> x(100, 0.5f), odd(100, NAN);
    CHECK(sound_distance(device, x, {}).error().status == Status::usage);
    CHECK(sound_distance(device, odd, x).error().status == Status::usage);
}
