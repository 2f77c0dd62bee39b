// Oobleck, the autoencoder of waveforms in Stable Audio: strided convolutions and residual units
// with snake activations, no attention and no normalisation. Evans et al. Stable Audio Open. 2024,
// section 3.1; Kumar et al. High-Fidelity Audio Compression with Improved RVQGAN. 2023. Names are
// those of diffusers (AutoencoderOobleck).
#pragma once
#include <vector>

#include "runtime/nn/layers.h"

namespace kiln {

class JsonObject;   // runtime/io/json.h

struct OobleckConfig {
    int encoder_channels = 128, decoder_channels = 128;
    std::vector<int> strides{2, 4, 4, 8, 8};      // from the waveform to the latent
    std::vector<int> multiples{1, 2, 4, 8, 16};   // of the channels, a stride
    int latent_channels = 64;
    int audio_channels = 2;
    int sample_rate = 44100;   // Hz

    int factor() const;   // samples a latent
    // What a latent's samples depend on, and a latent on, to either side: latents.
    int decoder_halo() const;
    int encoder_halo() const;
    int width(int base, int level) const {
        return level ? base * multiples[size_t(level - 1)] : base;
    }
};

Result<OobleckConfig> parse_oobleck_config(const JsonObject& json);

// x + sin(e^alpha x)^2 / e^beta, a channel.
struct Snake {
    Tensor alpha, beta;   // [c], logarithms

    Snake(Scope s, int channels)
        : alpha(s.weights->vector(s.child("alpha"), channels)),
          beta(s.weights->vector(s.child("beta"), channels)) {}
    Tensor operator()(const Tensor& x) const {
        return snake(x, exp(alpha), reciprocal(exp(beta) + 1e-9f));
    }
};

struct OobleckUnit {
    Snake snake1;
    Conv1d conv1;
    Snake snake2;
    Conv1d conv2;

    OobleckUnit(Scope s, int channels, int dilation)
        : snake1(s / "snake1", channels),
          conv1(s / "conv1", channels, channels, 7, 1, dilation),
          snake2(s / "snake2", channels),
          conv2(s / "conv2", channels, channels, 1) {}
    Tensor operator()(const Tensor& x) const { return x + conv2(snake2(conv1(snake1(x)))); }
};

// Three units whose dilations grow.
struct OobleckUnits {
    std::vector<OobleckUnit> units;

    OobleckUnits(Scope s, int channels) {
        constexpr int kDilations[] = {1, 3, 9};
        for (int i = 0; i < 3; i++)
            units.emplace_back(s / ("res_unit" + std::to_string(i + 1)), channels, kDilations[i]);
    }
    Tensor operator()(Tensor x) const {
        for (const OobleckUnit& unit : units) x = unit(x);
        return x;
    }
};

// Waveform [n, samples, audio_channels], samples a multiple of factor() -> moments [n, samples /
// factor(), 2 * latent_channels]: means, then scales whose softplus + 1e-4 is the deviation.
struct OobleckEncoder {
    struct Level {
        OobleckUnits units;
        Snake snake;
        Conv down;
    };
    Conv1d conv1;
    std::vector<Level> levels;
    Snake snake;
    Conv1d conv2;

    OobleckEncoder(Scope s, const OobleckConfig& c);
    Tensor operator()(const Tensor& waveform, DType dtype = DType::f32) const;
};

// Latent [n, t, latent_channels] -> waveform [n, t * factor(), audio_channels].
struct OobleckDecoder {
    struct Level {
        Snake snake;
        ConvTranspose1d up;
        OobleckUnits units;
    };
    Conv1d conv1;
    std::vector<Level> levels;   // coarsest first
    Snake snake;
    Conv1d conv2;

    OobleckDecoder(Scope s, const OobleckConfig& c);
    Tensor operator()(const Tensor& latent, DType dtype = DType::f32) const;
};

}   // namespace kiln
