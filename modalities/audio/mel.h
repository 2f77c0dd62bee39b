// Mel spectrograms: the power of a sound over time in bands that are as wide as pitches are heard
// apart. Stevens, Volkmann and Newman. A Scale for the Measurement of the Psychological Magnitude
// Pitch. 1937.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/ops/ops.h"
#include "runtime/vk/device.h"

namespace kiln {

// Hertz to mels. slaney: linear to 1000 Hz, then logarithmic (Slaney. Auditory Toolbox. 1998);
// htk: 2595 log10(1 + f / 700) (Young et al. The HTK Book. 2006, section 5.4).
enum class MelScale : uint8_t { slaney, htk };
// slaney: every filter has the same area over hertz; none: the same height, one.
enum class MelNorm : uint8_t { slaney, none };
enum class MelLog : uint8_t { none, natural, decibels };   // decibels: 10 log10, of a power

// How a model hears: the front end that its spectrograms were made with. The default is that of
// AudioLDM (Liu et al. 2023, section 5).
struct MelOptions {
    int sample_rate = 16000;
    int n_fft = 1024, hop = 160;
    int window = 1024;   // samples of Hann's
    int bands = 64;
    double low = 0, high = 8000;   // Hz
    MelScale scale = MelScale::slaney;
    MelNorm norm = MelNorm::slaney;
    int padding = 512;    // samples of a mirror image at either end
    bool power = false;   // squared magnitudes
    float offset = 0;     // of squared magnitudes, before their root
    MelLog log = MelLog::natural;
    float floor = 1e-5f;   // of a band, before the logarithm

    int bins() const { return n_fft / 2 + 1; }
    int64_t frames(int64_t samples) const { return (samples + 2 * padding - n_fft) / hop + 1; }
};

// The front end of HiFi-GAN's published configurations: 22050 Hz, 80 bands. Kong et al. HiFi-GAN.
// 2020.
MelOptions hifi_gan_mel();

double hertz_to_mel(double hertz, MelScale scale);

// What cannot be: Status::usage, naming the option. Every front end from a file goes through this.
Result<void> check(const MelOptions& options);

// The triangular filters as weights [bins, bands], as librosa.filters.mel has them, transposed. The
// options must pass check().
std::vector<float> mel_filters(const MelOptions& options);

// ---- on tensors --------------------------------------------------------------------------------

// Spectra [n, frames, 2, bins] -> sqrt(real^2 + imaginary^2 + offset), [n, frames, bins].
Tensor magnitude(const Tensor& spectra, float offset = 0);

// x [n, samples] -> [n, frames, bands]. Throws ModelError for a signal that is shorter than its
// padding asks.
Tensor mel_spectrogram(const Tensor& x, const MelOptions& options);

// ---- on host values ----------------------------------------------------------------------------

struct Mel {
    int64_t frames = 0, bands = 0;
    std::vector<float> values;   // [frames, bands]
};

// Of a mono sound at the options' sample rate, however long: a minute at a time is on the device.
// Status::usage for one that is too short for the padding or not finite.
Result<Mel> mel_spectrogram(const std::shared_ptr<Device>& device, std::span<const float> samples,
                            const MelOptions& options);

}   // namespace kiln
