#include "modalities/audio/oobleck.h"

#include <algorithm>

#include "runtime/nn/model_config.h"

namespace kiln {
namespace {

OobleckConfig oobleck_config(const JsonObject& json) {
    OobleckConfig c;
    c.encoder_channels = positive(json, "encoder_hidden_size", c.encoder_channels);
    c.decoder_channels = positive(json, "decoder_channels", c.decoder_channels);
    c.strides = positives(json, "downsampling_ratios", c.strides, 64, 8);
    c.multiples = positives(json, "channel_multiples", c.multiples, 1024, 8);
    c.latent_channels = positive(json, "decoder_input_channels", c.latent_channels);
    c.audio_channels = positive(json, "audio_channels", c.audio_channels);
    c.sample_rate = positive(json, "sampling_rate", c.sample_rate);
    if (c.strides.size() != c.multiples.size())
        throw ResultError(
            json.error("channel_multiples", "expected as many entries as downsampling_ratios has"));
    if (c.encoder_channels != 2 * c.latent_channels)
        throw ResultError(json.error("encoder_hidden_size",
                                     "expected twice decoder_input_channels, a mean and a scale "
                                     "each; found " +
                                         std::to_string(c.encoder_channels)));
    constexpr int kWidest = 4096;
    if (c.encoder_channels > kWidest)
        throw ResultError(json.error("encoder_hidden_size", "expected at most 4096"));
    if (c.decoder_channels > kWidest)
        throw ResultError(json.error("decoder_channels", "expected at most 4096"));
    if (c.audio_channels > 2)
        throw ResultError(json.error("audio_channels",
                                     "expected 1 or 2; found " + std::to_string(c.audio_channels)));
    for (int stride : c.strides)
        if (stride % 2)
            throw ResultError(json.error("downsampling_ratios",
                                         "expected even numbers; found " + std::to_string(stride)));
    if (c.factor() > 1 << 16)
        throw ResultError(json.error("downsampling_ratios", "more than 65536 samples a latent"));
    return c;
}

}   // namespace

int OobleckConfig::factor() const {
    int64_t product = 1;
    for (int stride : strides) product = std::min<int64_t>(product * stride, 1 << 20);
    return int(product);
}

namespace {
constexpr int kUnits = 3 * (1 + 3 + 9);   // samples to either side that OobleckUnits look at
}

int OobleckConfig::decoder_halo() const {
    int reach = 3;   // of the last convolution, at the rate of the waveform
    for (int stride : strides) {
        reach += kUnits;
        reach = (reach + stride + stride / 2 - 1) / stride;   // a kernel of two strides
    }
    return reach + 3;
}

int OobleckConfig::encoder_halo() const {
    int reach = 1;   // of the last convolution, in latents
    for (size_t i = strides.size(); i-- > 0;) reach = reach * strides[i] + strides[i] / 2 + kUnits;
    return (reach + 3 + factor() - 1) / factor();
}

Result<OobleckConfig> parse_oobleck_config(const JsonObject& json) {
    return parse_config(json, oobleck_config);
}

OobleckEncoder::OobleckEncoder(Scope s, const OobleckConfig& c)
    : conv1(s / "encoder.conv1", c.audio_channels, c.encoder_channels, 7),
      snake(s / "encoder.snake1", c.width(c.encoder_channels, int(c.strides.size()))),
      conv2(s / "encoder.conv2", c.width(c.encoder_channels, int(c.strides.size())),
            2 * c.latent_channels, 3) {
    for (int i = 0; i < int(c.strides.size()); i++) {
        const Scope here = s / "encoder.block" / i;
        const int stride = c.strides[size_t(i)], pad = (stride + 1) / 2;
        const int in = c.width(c.encoder_channels, i), out = c.width(c.encoder_channels, i + 1);
        levels.push_back({.units = {here, in},
                          .snake = {here / "snake1", in},
                          .down = {here / "conv1",
                                   in,
                                   out,
                                   {2 * stride},
                                   {.stride = {stride}, .pad_before = {pad}, .pad_after = {pad}}}});
    }
}

Tensor OobleckEncoder::operator()(const Tensor& waveform, DType dtype) const {
    Tensor x = as(conv1(waveform), dtype);
    for (const Level& level : levels) x = level.down(level.snake(level.units(x)));
    return conv2(as(snake(x), DType::f32));
}

OobleckDecoder::OobleckDecoder(Scope s, const OobleckConfig& c)
    : conv1(s / "decoder.conv1", c.latent_channels,
            c.width(c.decoder_channels, int(c.strides.size())), 7),
      snake(s / "decoder.snake1", c.decoder_channels),
      conv2(s / "decoder.conv2", c.decoder_channels, c.audio_channels, 7, 1, 1, false) {
    const int count = int(c.strides.size());
    for (int i = 0; i < count; i++) {
        const Scope here = s / "decoder.block" / i;
        const int stride = c.strides[size_t(count - 1 - i)];
        const int in = c.width(c.decoder_channels, count - i);
        const int out = c.width(c.decoder_channels, count - 1 - i);
        levels.push_back({.snake = {here / "snake1", in},
                          .up = {here / "conv_t1", in, out, 2 * stride, stride, (stride + 1) / 2},
                          .units = {here, out}});
    }
}

Tensor OobleckDecoder::operator()(const Tensor& latent, DType dtype) const {
    Tensor x = as(conv1(latent), dtype);
    for (const Level& level : levels) x = level.units(level.up(level.snake(x)));
    return conv2(as(snake(x), DType::f32));
}

}   // namespace kiln
