// Latents and samples between the order that samplers and files use, [n, c, h, w], and that of the
// networks, [n, h, w, c].
#pragma once
#include <cstdint>
#include <span>

namespace kiln {

// Writes into channels [first, first + c) of a target with `channels` of them.
inline void to_channels_last(std::span<const float> source, float* target, int64_t n, int64_t c,
                             int64_t area, int64_t channels, int64_t first = 0) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t p = 0; p < area; p++)
                target[(i * area + p) * channels + first + k] =
                    source[size_t((i * c + k) * area + p)];
}

inline void to_channels_first(std::span<const float> source, float* target, int64_t n, int64_t c,
                              int64_t area) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t p = 0; p < area; p++)
                target[(i * c + k) * area + p] = source[size_t((i * area + p) * c + k)];
}

}   // namespace kiln
