// Waveforms from magnitudes alone: phases that fit them are found by going back and forth between
// spectra and signal. Griffin and Lim. Signal Estimation from Modified Short-Time Fourier
// Transform. 1984, section IV; with momentum: Perraudin et al. A Fast Griffin-Lim Algorithm. 2013.
#pragma once
#include <functional>
#include <optional>

#include "modalities/audio/mel.h"

namespace kiln {

struct GriffinLimOptions {
    int iterations = 32;
    double momentum = 0.99;   // 0: the algorithm of 1984
    // Phases to start from: drawn as librosa.griffinlim draws them with this random_state; none:
    // zero.
    std::optional<uint32_t> seed = 0;
};

struct GriffinLimEvents {
    std::function<void(int done, int total)> progress;   // in iterations
    std::function<bool()> cancelled;
};

// ---- on tensors --------------------------------------------------------------------------------

// An estimate [n, frames, 2, bins], and the spectra of the last one's signal.
struct PhaseEstimate {
    Tensor spectra, previous;   // previous: zeros at first
};

// One iteration; magnitudes [n, frames, 1, bins].
PhaseEstimate griffin_lim_step(const PhaseEstimate& estimate, const Tensor& magnitudes,
                               const StftOptions& options, double momentum, int64_t samples);

// The non-negative magnitudes [n, frames, bins] whose bands come closest to mel [n, frames, bands]
// (without logarithm) in least squares, each band as its filter is large: the pseudo-inverse
// without what is negative, then accelerated projected gradients. Beck and Teboulle. A Fast
// Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems. 2009, section 4.
Tensor magnitudes_of_mel(const Tensor& mel, const MelOptions& options);

// ---- on host values ----------------------------------------------------------------------------

// magnitudes [frames, n_fft / 2 + 1] to `samples` samples; 0: as istft has it. Magnitudes that are
// negative or not finite, or not whole frames: Status::usage.
Result<std::vector<float>> griffin_lim(const std::shared_ptr<Device>& device,
                                       std::span<const float> magnitudes,
                                       const StftOptions& transform,
                                       const GriffinLimOptions& options = {}, int64_t samples = 0,
                                       const GriffinLimEvents& events = {});

// Any mel spectrogram [frames, bands] as the front end makes it to frames * hop samples. It is
// taken whole: a second of AudioLDM's takes 3.4 MB of device memory.
Result<std::vector<float>> griffin_lim_of_mel(const std::shared_ptr<Device>& device,
                                              std::span<const float> mel,
                                              const MelOptions& front_end,
                                              const GriffinLimOptions& options = {},
                                              const GriffinLimEvents& events = {});

}   // namespace kiln
