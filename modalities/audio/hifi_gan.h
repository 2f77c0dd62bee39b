// The generator that turns a mel spectrogram into a waveform.
// Kong, Kim and Bae. HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity
// Speech Synthesis. 2020, section 2.2 and appendix A. Signals are [n, t, c]; names are those of the
// authors' generator (ups.0) or of transformers' SpeechT5HifiGan (upsampler.0).
#pragma once
#include <optional>
#include <vector>

#include "runtime/nn/layers.h"

namespace kiln {

class JsonObject;   // runtime/io/json.h

struct HifiGanConfig {
    int mels = 80;
    int channels = 512;   // after the first convolution; every stage halves them
    std::vector<int> rates = {8, 8, 2, 2}, kernels = {16, 16, 4, 4};   // of the upsampling stages
    // Of the residual blocks that every stage averages over.
    std::vector<int> block_kernels = {3, 7, 11};
    std::vector<std::vector<int>> dilations = {{1, 3, 5}, {1, 3, 5}, {1, 3, 5}};
    bool pairs = true;    // each dilated convolution is followed by one that is not (ResBlock1)
    float slope = 0.1f;   // of the leaky rectifiers, but for the last, whose slope is 0.01
    bool normalised = false;   // the mel is taken by the model's mean and scale first

    // How the mel is made that the model was trained on; 0 where its configuration does not say.
    int sample_rate = 22050, fft = 0, window = 0;
    double low = 0, high = 0;   // Hz

    int hop() const;   // samples a frame: the product of the rates
    // What comes out for `frames` frames: about frames * hop(), and more where a kernel and its
    // rate differ by an odd number.
    int64_t samples(int64_t frames) const;
    // How many frames beside a sample have to do with it, at most.
    int64_t halo() const;
};

// config.json of the authors' repository ("resblock", "num_mels", ...), or of transformers
// ("model_type": "speecht5_hifigan"). What cannot be built is Status::bad_file naming the key.
Result<HifiGanConfig> parse_hifi_gan_config(const JsonObject& json);

struct HifiGanBlock {
    std::vector<Conv1d> first, second;   // the dilated ones, and those that follow each or none
    float slope;

    HifiGanBlock(Scope s, int c, int kernel, const std::vector<int>& dilations,
                 const HifiGanConfig& config)
        : slope(config.slope) {
        for (int i = 0; i < int(dilations.size()); i++) {
            const char* name = config.pairs ? "convs1" : "convs";
            first.emplace_back(s / name / i, c, c, kernel, 1, dilations[size_t(i)]);
            if (config.pairs) second.emplace_back(s / "convs2" / i, c, c, kernel);
        }
    }
    Tensor operator()(Tensor x) const {
        for (size_t i = 0; i < first.size(); i++) {
            Tensor y = first[i](leaky_relu(x, slope));
            if (!second.empty()) y = second[i](leaky_relu(y, slope));
            x = y + x;
        }
        return x;
    }
};

struct HifiGan {
    HifiGanConfig config;
    Tensor mean, scale;   // [1, 1, mels], of models that have them
    Conv1d conv_pre;
    std::vector<ConvTranspose1d> ups;
    std::vector<std::vector<HifiGanBlock>> blocks;   // of each stage
    Conv1d conv_post;

    HifiGan(Scope s, const HifiGanConfig& c)
        : config(c),
          conv_pre(s / "conv_pre", c.mels, c.channels, 7),
          conv_post(s / "conv_post", c.channels >> c.rates.size(), 1, 7) {
        if (c.normalised) {
            const Shape row{1, 1, c.mels};
            mean = reshape(s.weights->vector(s.child("mean"), c.mels), row);
            scale = reshape(s.weights->vector(s.child("scale"), c.mels), row);
        }
        const Scope stages = s / (s.has("ups.0.weight") ? "ups" : "upsampler");
        for (int i = 0, width = c.channels, index = 0; i < int(c.rates.size()); i++, width /= 2) {
            const int kernel = c.kernels[size_t(i)], rate = c.rates[size_t(i)];
            ups.emplace_back(stages / i, width, width / 2, kernel, rate, (kernel - rate) / 2);
            blocks.emplace_back();
            for (size_t j = 0; j < c.block_kernels.size(); j++)
                blocks.back().emplace_back(s / "resblocks" / index++, width / 2, c.block_kernels[j],
                                           c.dilations[j], c);
        }
    }
    // Logarithmic mel [n, frames, mels] -> waveform in [-1, 1], [n, config.samples(frames), 1];
    // `dtype` between the first and last convolution
    Tensor operator()(const Tensor& mel, DType dtype = DType::f32) const {
        Tensor x = as(conv_pre(config.normalised ? (mel - mean) / scale : mel), dtype);
        for (size_t i = 0; i < ups.size(); i++) {
            x = ups[i](leaky_relu(x, config.slope));
            Tensor sum = blocks[i][0](x);
            for (size_t j = 1; j < blocks[i].size(); j++) sum = sum + blocks[i][j](x);
            x = sum * (1 / float(blocks[i].size()));
        }
        return tanh(conv_post(as(leaky_relu(x, 0.01f), DType::f32)));
    }
};

}   // namespace kiln
