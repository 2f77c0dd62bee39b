// What the quantised formats share: bytes that stand for opacities, and rounding to them.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace kiln {

inline double opacity_of_logit(float logit) { return 1 / (1 + std::exp(-double(logit))); }
inline float logit_of_opacity(double p) { return float(std::log(p / (1 - p))); }

// The first and last byte stand for half a step only: its middle, so that logits are finite.
inline float logit_of_byte(std::byte b) {
    return logit_of_opacity(std::clamp(double(b) / 255, 0.25 / 255, 254.75 / 255));
}

// The nearest byte; halves away from zero.
inline std::byte to_byte(double x) {
    return std::byte(uint8_t(std::clamp(std::round(x), 0.0, 255.0)));
}

}   // namespace kiln
