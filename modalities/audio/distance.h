// How far apart two sounds are by their spectra over time: what listeners judge copies by, where
// samples that differ in phase alone say nothing.
#pragma once
#include <memory>
#include <span>

#include "runtime/base/result.h"
#include "runtime/vk/device.h"

namespace kiln {

struct SoundDistance {
    // Mean over frames of the root mean square over frequencies of the difference of the log
    // spectra, dB. Gray and Markel. Distance Measures for Speech Processing. 1976. Frames of 1024
    // samples every 256.
    double log_spectral = 0;
    // Spectral convergence plus mean difference of log magnitudes (natural), averaged over three
    // resolutions. Yamamoto, Song and Kim. Parallel WaveGAN. 2020, equations 3 to 6 and table 1.
    double multi_resolution = 0;
};

// Of mono sounds at one sample rate, as long as the shorter one. Empty or not finite:
// Status::usage.
Result<SoundDistance> sound_distance(const std::shared_ptr<Device>& device,
                                     std::span<const float> sound,
                                     std::span<const float> reference);

}   // namespace kiln
