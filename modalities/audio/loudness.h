// How loud a sound is, and making it as loud as wanted without clipping.
// EBU R 128. Loudness Normalisation and Permitted Maximum Level of Audio Signals. 2023;
// ITU-R BS.1770-4. 2015 for how both are measured. By libebur128.
#pragma once
#include <optional>

#include "runtime/io/audio.h"

namespace kiln {

struct Loudness {
    std::optional<double> integrated;   // LUFS; none of silence
    double true_peak = 0;               // of all channels, 1 is full scale; between samples too
};

// A sound shorter than the 400 ms that a measurement takes is measured as if it were repeated.
Loudness loudness_of(const Sound& sound);

struct LoudnessTarget {
    std::optional<double> integrated;   // LUFS, -23 by EBU R 128; none: leave it as it is
    double ceiling = -1;                // dBTP, which the result never exceeds
};

// The sound times one gain: what brings it to the loudness, or as near as the ceiling lets it. A
// sound above the ceiling is turned down to it whatever the target. Returns the gain; silence
// stays as it is.
double normalise_loudness(Sound& sound, const LoudnessTarget& target);

}   // namespace kiln
