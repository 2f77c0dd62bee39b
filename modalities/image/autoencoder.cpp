#include "modalities/image/autoencoder.h"

#include <algorithm>
#include <cmath>

#include "modalities/image/layout.h"

namespace kiln {
namespace {

bool finite(std::span<const float> values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// [-1, 1] to bytes, rounding halves to even as numpy does.
Image to_picture(std::span<const float> pixels, int height, int width, int channels) {
    Image image{.width = width, .height = height, .channels = channels, .pixels = {}};
    image.pixels.reserve(pixels.size());
    for (float value : pixels)
        image.pixels.push_back(
            uint8_t(std::nearbyint(std::clamp(value / 2 + 0.5f, 0.0f, 1.0f) * 255.0f)));
    return image;
}

}   // namespace

Autoencoder::Autoencoder(std::shared_ptr<Device> device, const Checkpoint& model,
                         const WeightsOptions& weights, std::shared_ptr<Workspace> workspace,
                         LogSink log, std::unordered_set<std::string>& claimed)
    : device_(std::move(device)),
      workspace_(std::move(workspace)),
      log_(std::move(log)),
      config_(model.vae),
      part_(model.vae_part),
      weights_({.storage = weights.storage, .names = model.vae_part.names}) {
    Weights source(device_, part_.files, weights_);
    decoder_.emplace(source, config_);
    claimed.insert(source.claimed().begin(), source.claimed().end());
    const auto of_encoder = [](std::string_view name) {
        return name.starts_with("encoder.") || name.starts_with("quant_conv.");
    };
    for (const auto& [name, stored] : part_.names)
        if (of_encoder(name)) claimed.insert(stored.name);
    if (part_.names.empty())
        for (const auto& [name, entry] : part_.files->entries())
            if (of_encoder(name)) claimed.insert(name);
}

void Autoencoder::from_model(std::span<float> z) const {
    const size_t area = z.size() / size_t(config_.latent_channels);
    for (size_t i = 0; i < z.size(); i++) {
        const size_t c = i / area;
        if (config_.latents_mean.empty())
            z[i] = 1 / config_.scale * z[i] + config_.shift;
        else
            z[i] = z[i] * config_.latents_std[c] / config_.scale + config_.latents_mean[c];
    }
}

void Autoencoder::to_model(std::span<float> z) const {
    const size_t area = z.size() / size_t(config_.latent_channels);
    for (size_t i = 0; i < z.size(); i++) {
        const size_t c = i / area;
        if (config_.latents_mean.empty())
            z[i] = config_.scale * (z[i] - config_.shift);
        else
            z[i] = (z[i] - config_.latents_mean[c]) * config_.scale / config_.latents_std[c];
    }
}

std::vector<float> Autoencoder::decode_raw(std::span<const float> z, int height, int width,
                                           DType dtype, const std::function<bool()>& cancelled) {
    Compiled& c = decoding_;
    if (!c.graph || c.height != height || c.width != width || c.dtype != dtype) {
        c.graph.reset();
        c.in = input("latent", {1, height, width, config_.latent_channels});
        c.graph =
            take(Graph::compile(device_, {(*decoder_)(c.in, dtype)}, {.workspace = workspace_}));
        c.height = height, c.width = width, c.dtype = dtype;
    }
    std::vector<float> latent(z.size());
    to_channels_last(z, latent.data(), 1, config_.latent_channels, int64_t(height) * width,
                     config_.latent_channels);
    take(c.graph->write(c.in, latent));
    take(c.graph->run(cancelled));
    return take(c.graph->read());
}

Image Autoencoder::decode(std::span<const float> latent, int height, int width, DType dtype,
                          const std::function<bool()>& cancelled) {
    std::vector<float> z(latent.begin(), latent.end());
    from_model(z);
    if (config_.force_upcast) dtype = DType::f32;
    std::vector<float> pixels = decode_raw(z, height, width, dtype, cancelled);
    if (dtype != DType::f32 && !finite(pixels)) {
        if (log_)
            log_(LogLevel::warning,
                 "the autoencoder overflowed in half precision; decoding again in f32");
        pixels = decode_raw(z, height, width, DType::f32, cancelled);
    }
    if (!finite(pixels))
        throw ResultError({Status::not_finite, "the autoencoder produced NaN or infinity"});
    return to_picture(pixels, height * config_.factor(), width * config_.factor(),
                      config_.out_channels);
}

LatentDistribution Autoencoder::encode(std::span<const float> pixels, int height, int width,
                                       const std::function<bool()>& cancelled) {
    if (!encoder_) {
        Weights source(device_, part_.files, weights_);
        encoder_.emplace(source, config_);
    }
    Compiled& c = encoding_;
    if (!c.graph || c.height != height || c.width != width) {
        c.graph.reset();
        c.in = input("picture", {1, height, width, config_.in_channels});
        c.graph = take(Graph::compile(device_, {(*encoder_)(c.in)}, {.workspace = workspace_}));
        c.height = height, c.width = width;
    }
    take(c.graph->write(c.in, pixels));
    take(c.graph->run(cancelled));
    const std::vector<float> moments = take(c.graph->read());
    if (!finite(moments))
        throw ResultError({Status::not_finite, "the autoencoder produced NaN or infinity"});
    const size_t half = moments.size() / 2;
    std::vector<float> both(moments.size());
    to_channels_first(moments, both.data(), 1, 2 * config_.latent_channels,
                      int64_t(half) / config_.latent_channels);
    LatentDistribution result{.mean = {both.begin(), both.begin() + ptrdiff_t(half)},
                              .deviation = {}};
    for (size_t i = half; i < both.size(); i++)
        result.deviation.push_back(std::exp(0.5f * std::clamp(both[i], -30.0f, 20.0f)));
    return result;
}

}   // namespace kiln
