#include "modalities/latent/autoencoder.h"

#include <algorithm>
#include <cmath>

#include "modalities/latent/layout.h"
#include "modalities/latent/tiles.h"

namespace kiln {
namespace {

bool finite(std::span<const float> values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

}   // namespace

Autoencoder::Autoencoder(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                         const CheckpointPart& part, const VaeConfig& config,
                         const WeightsOptions& weights, LogSink log,
                         std::unordered_set<std::string>& claimed)
    : device_(std::move(device)),
      workspace_(std::move(workspace)),
      log_(std::move(log)),
      config_(config),
      part_(part),
      options_({.storage = weights.storage, .names = part.names, .deferred = weights.deferred}) {
    Weights source(device_, part_.files, options_);
    decoder_.emplace(source, config_);
    weights_ = source.deferred();
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

// One run of the graph for inputs of this shape. The graphs for the tiles of one sample, of at
// most four shapes, are kept side by side.
template <class Network>
std::vector<float> Autoencoder::pass(std::vector<Compiled>& graphs, const Network& network,
                                     std::span<const float> values, const Shape& shape, DType dtype,
                                     int tile, const std::function<bool()>& cancelled) {
    constexpr size_t kShapes = 4;
    auto found = std::find_if(graphs.begin(), graphs.end(), [&](const Compiled& c) {
        return c.shape == shape && c.dtype == dtype && c.tile == tile;
    });
    if (found == graphs.end()) {
        const bool beside =
            tile && !graphs.empty() && graphs[0].tile == tile && graphs[0].dtype == dtype;
        if (!beside || graphs.size() == kShapes) graphs.clear();
        Tensor in = input("autoencoder", shape);
        Graph graph =
            take(Graph::compile(device_, {network(in, dtype)}, {.workspace = workspace_}));
        graphs.push_back({shape, dtype, tile, std::move(in), std::move(graph)});
        found = std::prev(graphs.end());
    }
    take(found->graph.write(found->in, values));
    take(found->graph.run(cancelled));
    return take(found->graph.read());
}

std::vector<float> Autoencoder::decode_raw(std::span<const float> z, int height, int width,
                                           DType dtype, int tile,
                                           const std::function<bool()>& cancelled) {
    const int c = config_.latent_channels;
    std::vector<float> latent(z.size());
    to_channels_last(z, latent.data(), 1, c, int64_t(height) * width, c);
    const auto decode = [&](std::span<const float> part, int64_t h, int64_t w) {
        return pass(decoding_, *decoder_, part, {1, h, w, c}, dtype, tile, cancelled);
    };
    if (!tile) return decode(latent, height, width);
    return in_tiles(latent, height, width,
                    {.tile_in = tile / config_.factor(),
                     .tile_out = tile,
                     .channels_in = c,
                     .channels_out = config_.out_channels},
                    decode);
}

std::vector<float> Autoencoder::decode(std::span<const float> latent, int height, int width,
                                       DType dtype, int tile,
                                       const std::function<bool()>& cancelled) {
    std::vector<float> z(latent.begin(), latent.end());
    from_model(z);
    if (config_.force_upcast) dtype = DType::f32;
    std::vector<float> values = decode_raw(z, height, width, dtype, tile, cancelled);
    if (dtype != DType::f32 && !finite(values)) {
        if (log_)
            log_(LogLevel::warning,
                 "the autoencoder overflowed in half precision; decoding again in f32");
        values = decode_raw(z, height, width, DType::f32, tile, cancelled);
    }
    if (!finite(values))
        throw ResultError({Status::not_finite, "the autoencoder produced NaN or infinity"});
    return values;
}

GraphNeeds Autoencoder::needs(int height, int width) {
    const Tensor in = input("latent", {1, height, width, config_.latent_channels});
    return Graph::needs(*device_, {(*decoder_)(in)});
}

bool Autoencoder::release() {
    const bool held = !decoding_.empty() || !encoding_.empty();
    decoding_.clear();
    encoding_.clear();
    return evict(weights_) || held;
}

const VaeEncoder& Autoencoder::encoder() {
    if (encoder_) return *encoder_;
    Weights source(device_, part_.files, options_);
    encoder_.emplace(source, config_);
    weights_.insert(weights_.end(), source.deferred().begin(), source.deferred().end());
    return *encoder_;
}

EncoderGradient Autoencoder::encoder_gradient(int images, int height, int width,
                                              EncoderGradientOptions options) {
    if (config_.force_upcast) options.dtype = DType::f32;
    const auto made = [&]() -> EncoderGradient {
        return {device_, workspace_, encoder(), config_, images, height, width, options};
    };
    try {
        return made();
    } catch (const ResultError& failure) {
        if (failure.error.status != Status::out_of_memory || options.less_memory) throw;
    }
    if (log_)
        log_(LogLevel::info,
             "gradients through the autoencoder take less memory and more time: there is not "
             "enough");
    options.less_memory = true;
    return made();
}

LatentDistribution Autoencoder::encode(std::span<const float> values, int height, int width,
                                       int tile, const std::function<bool()>& cancelled) {
    const VaeEncoder& network = encoder();
    const auto run = [&](std::span<const float> part, int64_t h, int64_t w) {
        const Shape shape{1, h, w, config_.in_channels};
        return pass(encoding_, network, part, shape, DType::f32, tile, cancelled);
    };
    const std::vector<float> moments = tile
                                           ? in_tiles(values, height, width,
                                                      {.tile_in = tile,
                                                       .tile_out = tile / config_.factor(),
                                                       .channels_in = config_.in_channels,
                                                       .channels_out = 2 * config_.latent_channels},
                                                      run)
                                           : run(values, height, width);
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
