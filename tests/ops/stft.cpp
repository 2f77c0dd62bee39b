// Short-time Fourier transforms against their sums in double.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <complex>
#include <numbers>

#include "tests/ops/cases.h"
#include "tests/ops/narrow.h"
#include "tests/support/device.h"

namespace kiln::test {
namespace {

std::vector<double> tapered(const StftOptions& o) {
    std::vector<float> window = o.window.empty() ? hann_window(o.n_fft) : o.window;
    std::vector<double> taper(size_t(o.n_fft), 0.0);
    for (size_t i = 0; i < window.size(); i++)
        taper[(taper.size() - window.size()) / 2 + i] = double(window[i]);
    return taper;
}

// exp(2 pi i k / size) for k < size.
std::vector<std::complex<double>> roots_of(int64_t size) {
    std::vector<std::complex<double>> roots;
    for (int64_t k = 0; k < size; k++)
        roots.push_back(std::polar(1.0, 2 * std::numbers::pi * double(k) / double(size)));
    return roots;
}

double mirrored(const Array& x, int64_t signal, int64_t t, PadMode mode) {
    const int64_t last = x.shape[1] - 1, u = last - std::abs(last - std::abs(t));
    return t == u || mode == PadMode::reflect ? x({signal, u < 0 ? 0 : u}) * (u >= 0) : 0;
}

Array spectra(const Array& x, const StftOptions& o) {
    const int64_t added = o.center ? o.n_fft / 2 : 0;
    const int64_t frames = (x.shape[1] + 2 * added - o.n_fft) / o.hop + 1;
    const std::vector<double> taper = tapered(o);
    const auto roots = roots_of(o.n_fft);
    Array y({x.shape[0], frames, 2, o.n_fft / 2 + 1});
    for (int64_t n = 0; n < x.shape[0]; n++)
        for (int64_t f = 0; f < frames; f++) {
            std::vector<double> frame;
            for (int64_t t = 0; t < o.n_fft; t++)
                frame.push_back(taper[size_t(t)] * mirrored(x, n, f * o.hop + t - added, o.pad));
            for (int64_t k = 0; k <= o.n_fft / 2; k++) {
                std::complex<double> sum = 0;
                for (int64_t t = 0; t < o.n_fft; t++)
                    sum += frame[size_t(t)] * std::conj(roots[size_t(t * k % o.n_fft)]);
                y({n, f, 0, k}) = sum.real(), y({n, f, 1, k}) = sum.imag();
            }
        }
    return y;
}

// A frame before its window: the spectrum's other half is the conjugate of the first.
std::vector<double> frame_of(const Array& x, int64_t n, int64_t f, int64_t n_fft) {
    const auto roots = roots_of(n_fft);
    std::vector<double> frame;
    for (int64_t t = 0; t < n_fft; t++) {
        double v = 0;
        for (int64_t k = 0; k <= n_fft / 2; k++) {
            const std::complex<double> root = roots[size_t(t * k % n_fft)];
            const bool alone = k % (n_fft / 2) == 0;
            const double imaginary = alone ? 0 : x({n, f, 1, k});
            v += (alone ? 1 : 2) * (x({n, f, 0, k}) * root.real() - imaginary * root.imag());
        }
        frame.push_back(v / double(n_fft));
    }
    return frame;
}

Array signals(const Array& x, const StftOptions& o, int64_t samples) {
    const std::vector<double> taper = tapered(o);
    Array y({x.shape[0], samples}), weights({samples});
    for (int64_t n = 0; n < x.shape[0]; n++)
        for (int64_t f = 0; f < x.shape[1]; f++) {
            const std::vector<double> frame = frame_of(x, n, f, o.n_fft);
            for (size_t t = 0; t < frame.size(); t++) {
                const int64_t at = f * o.hop + int64_t(t) - (o.center ? o.n_fft / 2 : 0);
                if (at < 0 || at >= samples) continue;
                y({n, at}) += frame[t] * taper[t];
                if (n == 0) weights({at}) += taper[t] * taper[t];
            }
        }
    for (int64_t n = 0; n < x.shape[0]; n++)
        for (int64_t t = 0; t < samples; t++)
            if (weights({t}) > 1e-11) y({n, t}) /= weights({t});
    return y;
}

std::vector<float> uneven_window(int length) {
    std::vector<float> window;
    for (int i = 0; i < length; i++) window.push_back(0.3f + 0.01f * float(i * i % 71));
    return window;
}

struct Row {
    int64_t signals, samples;
    StftOptions options;
};

const Row kRows[] = {
    {2, 47, {.n_fft = 16, .hop = 5}},
    {1, 33, {.n_fft = 4, .hop = 3, .window = uneven_window(3), .pad = PadMode::zero}},
    {3, 101, {.n_fft = 30, .hop = 7, .window = uneven_window(23)}},
    {1, 300, {.n_fft = 98, .hop = 41, .window = uneven_window(98), .center = false}},
    {1, 77, {.n_fft = 22, .hop = 8, .pad = PadMode::zero}},           // by matrix
    {2, 40, {.n_fft = 2, .hop = 1, .window = uneven_window(2)}},      // by matrix
    {1, 61, {.n_fft = 26, .hop = 37, .window = uneven_window(25)}},   // hop above n_fft
    {1, 13, {.n_fft = 24, .hop = 6, .window = uneven_window(24)}},
};
const Row kLargeRows[] = {
    {2, 501, {.n_fft = 400, .hop = 160}},
    {1, 601, {.n_fft = 1024, .hop = 512, .window = hann_window(800), .pad = PadMode::zero}},
    {1, 1100, {.n_fft = 2048, .hop = 512}},
    {1, 400, {.n_fft = 1458, .hop = 300, .window = uneven_window(1458), .pad = PadMode::zero}},
    {1, 600, {.n_fft = 998, .hop = 500}},   // by matrix
};

int64_t frames_of(const Row& row) {
    const StftOptions& o = row.options;
    return (row.samples + (o.center ? o.n_fft : 0) - o.n_fft) / o.hop + 1;
}

void check_stft(const Row& row) {
    const StftOptions& o = row.options;
    check({.name = "stft " + std::to_string(o.n_fft),
           .inputs = {random_array({row.signals, row.samples}, 3)},
           .build = [&](auto& x) { return stft(x[0], o); },
           .reference = [&](auto& x) { return spectra(x[0], o); },
           .tolerance = 4e-6,
           .half_tolerance = 4e-6});
}

void check_istft(const Row& row, int64_t samples, bool gradient) {
    const StftOptions& o = row.options;
    check({.name = "istft " + std::to_string(o.n_fft),
           .inputs = {random_array({row.signals, frames_of(row), 2, o.n_fft / 2 + 1}, 4)},
           .build = [&](auto& x) { return istft(x[0], o, samples); },
           .reference = [&](auto& x) { return signals(x[0], o, samples); },
           .half_tolerance = 2e-6,
           .gradient = gradient});
}

}   // namespace

TEST_CASE("short-time transforms are those of the sum", "[gpu]") {
    for (const Row& row : kRows) check_stft(row);
}

TEST_CASE("inverse short-time transforms are those of the sum", "[gpu]") {
    for (const Row& row : kRows) {
        check_istft(row, row.samples - 3, true);
        check_istft(row, row.samples + 40, false);   // beyond the last frame
    }
}

TEST_CASE("large short-time transforms are those of the sum", "[gpu]") {
    for (const Row& row : kLargeRows) {
        const StftOptions& o = row.options;
        const Array x = random_array({row.signals, row.samples}, 3),
                    y = random_array({row.signals, frames_of(row), 2, o.n_fft / 2 + 1}, 4);
        const Array there = spectra(x, o), back = signals(y, o, row.samples);
        const auto values = [](const Array& a) {
            return constant(a.shape, {a.values.begin(), a.values.end()});
        };
        for (const char* profile : kProfiles) {
            INFO(o.n_fft << " caps '" << profile << "'");
            CHECK(difference(values_of(stft(values(x), o), profile), there.values, 2e-5) == "");
            CHECK(difference(values_of(istft(values(y), o, row.samples), profile), back.values,
                             2e-6) == "");
        }
    }
}

TEST_CASE("an inverse transform gives the signal back", "[gpu]") {
    const StftOptions every[] = {{.n_fft = 400, .hop = 160},
                                 {.n_fft = 1024, .hop = 160},
                                 {.n_fft = 2048, .hop = 512},
                                 {.n_fft = 882, .hop = 220, .window = hann_window(700)},
                                 {.n_fft = 512, .hop = 511, .window = uneven_window(512)}};
    const Array x = random_array({1, 16001}, 9);
    const std::vector<float> values(x.values.begin(), x.values.end());
    for (const StftOptions& o : every)
        for (const char* profile : kProfiles) {
            const auto y = values_of(istft(stft(constant(x.shape, values), o), o, 16001), profile);
            double off = 0, all = 0;
            for (size_t i = 0; i < y.size(); i++) {
                off += std::pow(double(y[i]) - double(values[i]), 2);
                all += std::pow(double(values[i]), 2);
            }
            INFO(o.n_fft << " caps '" << profile << "'");
            CHECK(std::sqrt(off / all) < 3e-7);
        }
}

TEST_CASE("signals beyond the binding range are transformed in parts", "[gpu]") {
    const StftOptions o{.n_fft = 64, .hop = 24, .window = uneven_window(60)};
    const Array x = random_array({2, 1999}, 6);
    const auto device = test_device();
    const Tensor signal =
        parameter("x", x.shape, DType::f32,
                  upload(*device, std::vector<float>(x.values.begin(), x.values.end())));
    const Tensor y = stft(signal, o);
    NarrowLowering there(device, 4096);
    CHECK(difference(there.run(y), spectra(x, o).values, 4e-6) == "");
    CHECK(there.launches() > 4);
    NarrowLowering back(device, 4096);
    CHECK(difference(back.run(istft(y, o, 1999)), x.values, 2e-6) == "");
    CHECK(back.launches() > 2 * there.launches());
}

TEST_CASE("short-time transforms refuse what they cannot do", "[gpu]") {
    const Tensor x = input("x", {1, 100});
    const auto refused = [&](const StftOptions& o, const char* words) {
        INFO(words);
        CHECK(error_of([&] { stft(x, o); }).find(words) != std::string::npos);
    };
    refused({.n_fft = 15}, "even");
    refused({.n_fft = 0}, "even");
    refused({.n_fft = -8}, "even");
    refused({.n_fft = 5000}, "4096");
    refused({.n_fft = 16, .hop = 0}, "hop");
    refused({.n_fft = 16, .hop = 4, .window = hann_window(17)}, "window");
    refused({.n_fft = 200}, "mirror");
    refused({.n_fft = 102, .center = false}, "shorter");
    CHECK(error_of([&] { stft(input("x", {100}), {}); }).find("[n, samples]") != std::string::npos);
    CHECK(error_of([&] { istft(input("x", {1, 3, 2, 8}), {.n_fft = 16}); }).find("[istft]") == 0);
    CHECK(error_of([&] {
              istft(input("x", {1, 1, 2, 9}), {.n_fft = 16});
          }).find("no sample") != std::string::npos);
}

}   // namespace kiln::test
