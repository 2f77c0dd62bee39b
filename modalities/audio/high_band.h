// The octave above what a model makes, guessed from the octave below it. Dietz et al. Spectral Band
// Replication, a Novel Approach in Audio Coding. 2002, with the envelope extrapolated, as there is
// none to be sent; Larsen and Aarts. Audio Bandwidth Extension. 2004, chapter 2.
#pragma once
#include <memory>

#include "runtime/base/result.h"
#include "runtime/io/audio.h"
#include "runtime/vk/device.h"

namespace kiln {

// The sound at twice its sample rate. Up to 15/16 of the old Nyquist frequency it is what
// resample_sound() makes of it; above, it has the noise of the octave below in translation, falling
// from frequency to frequency as that octave does. Tones are left out: their harmonics would be
// off pitch. Each channel for itself. No samples, or not finite: Status::usage.
Result<Sound> restore_high_band(const std::shared_ptr<Device>& device, const Sound& sound);

}   // namespace kiln
