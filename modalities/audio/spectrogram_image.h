// Pictures of sounds: time to the right, frequency upwards as pitches are heard, loudness as
// colour.
#pragma once
#include "modalities/audio/mel.h"
#include "runtime/io/image.h"

namespace kiln {

struct SpectrogramStyle {
    int width = 800, height = 256;   // pixels of the spectrogram, 16 to 8192
    double range = 80;               // decibels from the loudest down to black
    bool axes = true;                // seconds, hertz and decibels around it
};

// Of a mel spectrogram as the front end makes it. What lies at its floor is black, however quiet
// the rest. No frames, values that are not finite, or a style that cannot be: Status::usage.
Result<Image> spectrogram_image(const Mel& mel, const MelOptions& front_end,
                                const SpectrogramStyle& style = {});

// Of a mono sound, up to half its sample rate.
Result<Image> spectrogram_image(const std::shared_ptr<Device>& device,
                                std::span<const float> samples, int sample_rate,
                                const SpectrogramStyle& style = {});

}   // namespace kiln
