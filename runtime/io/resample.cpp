#include <samplerate.h>

#include <algorithm>
#include <cmath>

#include "runtime/base/check.h"
#include "runtime/io/audio.h"

namespace kiln {

Result<Sound> resample_sound(const Sound& sound, int sample_rate) {
    ensure(sound.channels > 0 && sound.sample_rate > 0, "a sound has channels and a rate");
    if (sample_rate == sound.sample_rate) return sound;
    const double ratio = double(sample_rate) / sound.sample_rate;
    if (sample_rate < 1 || !src_is_valid_ratio(ratio))
        return Error{Status::usage, "a sound at " + std::to_string(sound.sample_rate) +
                                        " Hz cannot be brought to " + std::to_string(sample_rate) +
                                        " Hz"};
    Sound out{sample_rate, sound.channels, {}};
    const int64_t frames = std::llround(double(sound.frames()) * ratio);
    out.samples.resize(size_t(frames * sound.channels));
    SRC_DATA data{};
    data.data_in = sound.samples.data();
    data.input_frames = long(sound.frames());
    data.data_out = out.samples.data();
    data.output_frames = long(frames);
    data.src_ratio = ratio;
    const int failed = src_simple(&data, SRC_SINC_BEST_QUALITY, sound.channels);
    ensure(failed == 0, src_strerror(failed));
    // What is missing at the end is less than what the filter reaches: silence.
    return out;
}

Sound to_mono(const Sound& sound) {
    if (sound.channels == 1) return sound;
    Sound mono{sound.sample_rate, 1, std::vector<float>(size_t(sound.frames()))};
    for (size_t i = 0; i < mono.samples.size(); i++) {
        double sum = 0;
        for (int c = 0; c < sound.channels; c++)
            sum += double(sound.samples[i * size_t(sound.channels) + size_t(c)]);
        mono.samples[i] = float(sum / sound.channels);
    }
    return mono;
}

}   // namespace kiln
