#include "modalities/audio/loudness.h"

#include <ebur128.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "runtime/base/check.h"

namespace kiln {
namespace {

struct Destroy {
    void operator()(ebur128_state* state) const { ebur128_destroy(&state); }
};
using Meter = std::unique_ptr<ebur128_state, Destroy>;

Meter meter_of(const Sound& sound, int mode) {
    Meter meter(ebur128_init(unsigned(sound.channels), (unsigned long)(sound.sample_rate), mode));
    if (!meter)
        throw ResultError({Status::usage, "the loudness of a sound of " +
                                              std::to_string(sound.channels) + " channels at " +
                                              std::to_string(sound.sample_rate) +
                                              " Hz cannot be measured"});
    return meter;
}

void feed(const Meter& meter, const Sound& sound) {
    const int failed =
        ebur128_add_frames_float(meter.get(), sound.samples.data(), size_t(sound.frames()));
    if (failed) throw std::bad_alloc();   // the only way in which it can fail
}

double true_peak(const Sound& sound) {
    const Meter meter = meter_of(sound, EBUR128_MODE_TRUE_PEAK);
    feed(meter, sound);
    // The interpolation looks back: silence brings what lies behind the last samples.
    Sound silence{sound.sample_rate, sound.channels, {}};
    silence.samples.resize(size_t(64 * sound.channels));
    feed(meter, silence);
    double most = 0;
    for (int c = 0; c < sound.channels; c++) {
        double peak = 0;
        ensure(ebur128_true_peak(meter.get(), unsigned(c), &peak) == EBUR128_SUCCESS,
               "a channel has a peak");
        most = std::max(most, peak);
    }
    return most;
}

}   // namespace

Loudness loudness_of(const Sound& sound) {
    Loudness loudness;
    if (sound.samples.empty()) return loudness;
    const Meter meter = meter_of(sound, EBUR128_MODE_I);
    const int64_t block = int64_t(std::ceil(0.4 * sound.sample_rate));
    for (int64_t fed = 0; fed < std::max(block, sound.frames()); fed += sound.frames())
        feed(meter, sound);
    double integrated = 0;
    ensure(ebur128_loudness_global(meter.get(), &integrated) == EBUR128_SUCCESS,
           "a loudness is measured");
    if (std::isfinite(integrated)) loudness.integrated = integrated;
    loudness.true_peak = true_peak(sound);
    return loudness;
}

double normalise_loudness(Sound& sound, const LoudnessTarget& target) {
    const Loudness now = loudness_of(sound);
    double gain = 1;
    if (target.integrated && now.integrated)
        gain = std::pow(10, (*target.integrated - *now.integrated) / 20);
    const double ceiling = std::pow(10, target.ceiling / 20);
    if (gain * now.true_peak > ceiling) gain = ceiling / now.true_peak;
    if (gain != 1)
        for (float& sample : sound.samples) sample = float(double(sample) * gain);
    return gain;
}

}   // namespace kiln
