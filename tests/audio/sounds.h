// Sounds that tests and tools/reference/signals.py make alike, and its goldens.
#pragma once
#include <cmath>
#include <numbers>

#include "tests/support/hashed_model.h"

namespace kiln::test {

// A sweep that rises from 110 Hz, in noise.
inline std::vector<float> sound(const std::string& name, int64_t samples, int rate) {
    std::vector<float> x = noise(name, samples);
    for (int64_t i = 0; i < samples; i++) {
        const double s = double(i) / rate;
        const double swept = 0.5 * std::sin(2 * std::numbers::pi * (110 * s + 1500 * s * s));
        x[size_t(i)] = float(swept) + 0.03125f * x[size_t(i)];
    }
    return x;
}

inline Safetensors audio_goldens(const std::string& name) {
    const fs::path folder = fs::path(KILN_GOLDEN_DIR) / "audio";
    return take(Safetensors::open((folder / (name + ".safetensors")).string()));
}

}   // namespace kiln::test
