// Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022, equation 6; the rescaling is that of
// Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed", 2024, section 3.4.
#include "modalities/diffusion/guidance.h"

#include <cmath>

namespace kiln {
namespace {

double deviation(std::span<const float> values) {
    double sum = 0, squares = 0;
    for (float value : values) sum += value;
    const double mean = sum / double(values.size());
    for (float value : values) squares += (value - mean) * (value - mean);
    return std::sqrt(squares / double(values.size() - 1));
}

}   // namespace

Latent guide(const Guidance& guidance, std::span<const float> unconditional,
             std::span<const float> conditional, int samples) {
    ensure(unconditional.size() == conditional.size(), "two predictions of one size");
    ensure(samples > 0 && conditional.size() % size_t(samples) == 0, "whole samples");
    Latent guided(conditional.size());
    for (size_t k = 0; k < guided.size(); ++k)
        guided[k] =
            float(unconditional[k] + guidance.scale * (double(conditional[k]) - unconditional[k]));
    if (guidance.rescale <= 0) return guided;

    const size_t each = guided.size() / size_t(samples);
    for (size_t at = 0; at < guided.size() && each > 1; at += each) {
        const std::span<float> sample(guided.data() + at, each);
        const double from = deviation(sample), to = deviation(conditional.subspan(at, each));
        const double factor = guidance.rescale * (from > 0 ? to / from : 1) + 1 - guidance.rescale;
        for (float& value : sample) value = float(value * factor);
    }
    return guided;
}

}   // namespace kiln
