#include "modalities/latent/conditioning.h"

#include <cmath>

namespace kiln {

std::vector<float> guidance_embedding(double scale, int width) {
    const int half = width / 2;
    std::vector<float> result(size_t(width), 0.0f);
    const float w = float(scale - 1) * 1000.0f;
    for (int i = 0; i < half; i++) {
        const float angle = w * std::exp(float(i) * -(std::log(10000.0f) / float(half - 1)));
        result[size_t(i)] = std::sin(angle);
        result[size_t(half + i)] = std::cos(angle);
    }
    return result;
}

}   // namespace kiln
