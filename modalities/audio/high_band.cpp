#include "modalities/audio/high_band.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <span>

#include "runtime/graph/graph.h"
#include "runtime/ops/ops.h"

namespace kiln {
namespace {

constexpr int kFft = 1024, kHop = 256, kBins = kFft / 2 + 1;
constexpr int kNyquist = kFft / 4;     // bin of the old sample rate's
constexpr int kTop = 240;              // what is below stays as it is
constexpr int kBottom = kTop / 2;      // of the octave that is repeated
constexpr int kBand = 20;              // bins over which levels are measured
constexpr int kAround = 7;             // bins to each side that say what is noise
constexpr int kFade = 32;              // bins below the new Nyquist frequency, in which it ends
constexpr float kPeak = 3;             // times the median: more is a tone
constexpr int64_t kAtOnce = 1 << 17;   // samples

// A whole number of turns passes from frame to frame between a bin and the one it is moved to.
static_assert(kBottom % (kFft / kHop) == 0);

float cosine_ramp(int bin, int from, int to) {
    const float t = std::clamp(float(bin - from) / float(to - from), 0.0f, 1.0f);
    return 0.5f - 0.5f * std::cos(std::numbers::pi_v<float> * t);
}

// How the level falls along the octave from kBottom: the exponent of frequency that fits its
// magnitudes, by least squares over logarithms.
float slope(std::span<const float> magnitude) {
    constexpr int kCount = (kTop - kBottom) / kBand;
    std::array<float, kCount> x{}, y{};
    float mean_x = 0, mean_y = 0;
    for (int b = 0; b < kCount; b++) {
        float power = 0;
        const int from = kBottom + b * kBand;
        for (int k = from; k < from + kBand; k++)
            power += magnitude[size_t(k)] * magnitude[size_t(k)];
        x[size_t(b)] = std::log(float(from) + 0.5f * (kBand - 1));
        y[size_t(b)] = 0.5f * std::log(power / kBand + 1e-20f);
        mean_x += x[size_t(b)] / kCount, mean_y += y[size_t(b)] / kCount;
    }
    float products = 0, squares = 0;
    for (size_t b = 0; b < kCount; b++) {
        products += (x[b] - mean_x) * (y[b] - mean_y);
        squares += (x[b] - mean_x) * (x[b] - mean_x);
    }
    return std::clamp(products / squares, -8.0f, 0.0f);   // never louder; at most 48 dB an octave
}

// What a bin must be multiplied by so that it is no more than noise.
float noise_share(std::span<const float> magnitude, int bin) {
    std::array<float, 2 * kAround + 1> near{};
    const int first = std::clamp(bin - kAround, kBottom, kTop - int(near.size()));
    std::copy_n(magnitude.begin() + first, near.size(), near.begin());
    std::nth_element(near.begin(), near.begin() + kAround, near.end());
    const float most = kPeak * near[kAround], found = magnitude[size_t(bin)];
    return found > most ? most / found : 1.0f;
}

// A frame's upper half from its lower one: real parts, then imaginary ones.
void continue_upwards(std::span<const float> from, std::span<float> to) {
    std::array<float, kTop> magnitude{};
    for (size_t k = 0; k < kTop; k++) magnitude[k] = std::hypot(from[k], from[kBins + k]);
    std::array<float, kTop> share{};
    for (int k = kBottom; k < kTop; k++) share[size_t(k)] = noise_share(magnitude, k);
    const float exponent = slope(magnitude);
    std::fill(to.begin(), to.end(), 0.0f);
    for (int k = kTop; k < kBins; k++) {
        const int source = kBottom + (k - kBottom) % kBottom;
        const float gain = share[size_t(source)] * std::pow(float(k) / float(source), exponent) *
                           cosine_ramp(k, kTop, kNyquist) *
                           (1 - cosine_ramp(k, kBins - 1 - kFade, kBins - 1));
        to[size_t(k)] = gain * from[size_t(source)];
        to[size_t(kBins + k)] = gain * from[size_t(kBins + source)];
    }
}

// Adds its upper half to a signal that has none.
class HighBand {
public:
    HighBand(const std::shared_ptr<Device>& device, int64_t samples)
        : at_once_(std::min(kAtOnce, (samples + kHop - 1) / kHop * kHop)),
          heard_(input("samples", {1, at_once_ + 2 * kFft})),
          frames_(stft(heard_, options())),
          made_(input("spectra", frames_.shape())),
          analysis_(take(Graph::compile(device, {frames_}))),
          synthesis_(take(Graph::compile(device, {istft(made_, options())}))) {}

    // Parts overlap by so much that each has all frames that its own samples are in.
    void operator()(std::span<float> signal) {
        const std::vector<float> low(signal.begin(), signal.end());
        const int64_t count = int64_t(low.size());
        std::vector<float> part(size_t(at_once_ + 2 * kFft));
        for (int64_t at = 0; at < count; at += at_once_) {
            std::fill(part.begin(), part.end(), 0.0f);
            const int64_t first = std::max<int64_t>(0, at - kFft),
                          last = std::min(count, at + at_once_ + kFft);
            std::copy(low.begin() + first, low.begin() + last, part.begin() + (first - at + kFft));
            const std::vector<float> high = upper_half(part);
            for (int64_t i = at; i < std::min(count, at + at_once_); i++)
                signal[size_t(i)] += high[size_t(i - at + kFft)];
        }
    }

private:
    static StftOptions options() {
        return {.n_fft = kFft, .hop = kHop, .window = hann_window(kFft), .center = false};
    }

    std::vector<float> upper_half(const std::vector<float>& samples) {
        take(analysis_.write(heard_, samples));
        take(analysis_.run());
        const std::vector<float> low = take(analysis_.read());
        std::vector<float> high(low.size());
        for (size_t at = 0; at < low.size(); at += 2 * kBins)
            continue_upwards(std::span(low).subspan(at, 2 * kBins),
                             std::span(high).subspan(at, 2 * kBins));
        take(synthesis_.write(made_, high));
        take(synthesis_.run());
        return take(synthesis_.read());
    }

    int64_t at_once_;
    Tensor heard_, frames_, made_;
    Graph analysis_, synthesis_;
};

}   // namespace

Result<Sound> restore_high_band(const std::shared_ptr<Device>& device, const Sound& sound) try {
    if (sound.samples.empty() || !std::all_of(sound.samples.begin(), sound.samples.end(),
                                              [](float v) { return std::isfinite(v); }))
        return Error{Status::usage,
                     "a high band is restored to a sound that has samples, all of them finite"};
    Sound result = take(resample_sound(sound, 2 * sound.sample_rate));
    const size_t channels = size_t(result.channels), frames = size_t(result.frames());
    HighBand high_band(device, int64_t(frames));
    std::vector<float> one(frames);
    for (size_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < frames; i++) one[i] = result.samples[i * channels + c];
        high_band(one);
        for (size_t i = 0; i < frames; i++) result.samples[i * channels + c] = one[i];
    }
    return result;
} catch (const ResultError& failure) {
    return failure.error;
}

}   // namespace kiln
