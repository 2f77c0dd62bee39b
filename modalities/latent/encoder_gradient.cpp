#include "modalities/latent/encoder_gradient.h"

#include <algorithm>
#include <cmath>

#include "modalities/latent/layout.h"
#include "runtime/ops/pullback.h"

namespace kiln {
namespace {

void require_finite(std::span<const float> values) {
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
        throw ResultError({Status::not_finite, "the encoder produced NaN or infinity"});
}

// Of the denoiser's latent by the autoencoder's, a channel.
float slope(const VaeConfig& config, size_t channel) {
    return config.latents_std.empty() ? config.scale : config.scale / config.latents_std[channel];
}

float zero_of(const VaeConfig& config, size_t channel) {
    return config.latents_mean.empty() ? config.shift : config.latents_mean[channel];
}

// Between the input of a residual block and its second norm.
bool inside_block(const Tensor& t) {
    return t.path().find(".norm1") != std::string::npos ||
           t.path().find(".conv1") != std::string::npos;
}

}   // namespace

EncoderGradient::EncoderGradient(std::shared_ptr<Device> device,
                                 std::shared_ptr<Workspace> workspace, const VaeEncoder& encoder,
                                 const VaeConfig& config, int images, int height, int width,
                                 const EncoderGradientOptions& options)
    : config_(config),
      images_(images),
      area_(int64_t(height / config.factor()) * (width / config.factor())),
      pictures_(input("pictures", {images, height, width, config.in_channels})) {
    if (height % config.factor() || width % config.factor() || images < 1 || area_ < 1)
        throw ResultError({Status::usage,
                           "pictures to differentiate have sides that are multiples "
                           "of " +
                               std::to_string(config.factor())});
    const Tensor mean = slice(encoder(pictures_, options.dtype), 3, 0, config.latent_channels);
    const Pullback both =
        take(pullback(*device, mean, {pictures_}, options.less_memory ? inside_block : nullptr));
    d_mean_ = both.d_y;
    kept_bytes_ = both.kept_bytes;
    // The one that takes more first, so that the other finds the workspace large enough.
    backward_ = take(Graph::compile(device, both.backward, {.workspace = workspace}));
    forward_ = take(Graph::compile(device, both.forward, {.workspace = workspace}));
}

std::vector<float> EncoderGradient::encode(std::span<const float> pictures,
                                           const std::function<bool()>& cancelled) {
    encoded_ = false;
    take(forward_->write(pictures_, pictures));
    take(forward_->run(cancelled));
    const std::vector<float> mean = take(forward_->read());
    require_finite(mean);
    encoded_ = true;
    std::vector<float> latents(mean.size());
    to_channels_first(mean, latents.data(), images_, config_.latent_channels, area_);
    for (size_t i = 0; i < latents.size(); i++) {
        const size_t c = i / size_t(area_) % size_t(config_.latent_channels);
        latents[i] = (latents[i] - zero_of(config_, c)) * slope(config_, c);
    }
    return latents;
}

std::vector<float> EncoderGradient::gradient(std::span<const float> d_latents,
                                             const std::function<bool()>& cancelled) {
    ensure(encoded_, "a picture that was encoded before its gradient");
    if (int64_t(d_latents.size()) != d_mean_.shape().count())
        throw ResultError({Status::usage, "a cotangent has the shape of the latents"});
    std::vector<float> d_mean(d_latents.size());
    to_channels_last(d_latents, d_mean.data(), images_, config_.latent_channels, area_,
                     config_.latent_channels);
    for (size_t i = 0; i < d_mean.size(); i++)
        d_mean[i] *= slope(config_, i % size_t(config_.latent_channels));
    take(backward_->write(d_mean_, d_mean));
    take(backward_->run(cancelled));
    std::vector<float> d_pictures = take(backward_->read());
    require_finite(d_pictures);
    return d_pictures;
}

}   // namespace kiln
