#include "modalities/audio/waveform_autoencoder.h"

#include <algorithm>
#include <cmath>

#include "modalities/latent/layout.h"

namespace kiln {
namespace {

bool finite(std::span<const float> values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

[[noreturn]] void not_finite() {
    throw ResultError({Status::not_finite, "the autoencoder produced NaN or infinity"});
}

}   // namespace

WaveformAutoencoder::WaveformAutoencoder(std::shared_ptr<Device> device,
                                         std::shared_ptr<Workspace> workspace,
                                         const CheckpointPart& part, const OobleckConfig& config,
                                         LogSink log, std::unordered_set<std::string>& claimed)
    : device_(std::move(device)),
      workspace_(std::move(workspace)),
      part_(part),
      config_(config),
      log_(std::move(log)) {
    Weights source(device_, part_.files, {.names = part_.names, .deferred = true});
    decoder_.emplace(source, config_);
    weights_ = source.deferred();
    claimed.insert(source.claimed().begin(), source.claimed().end());
    for (const auto& [name, entry] : part_.files->entries())
        if (name.starts_with("encoder.")) claimed.insert(name);
}

// Each piece makes `at_a_time` latents' worth and sees `halo` more to either side. All pieces are
// of one length: the first and the last begin and end where the whole does, as there is nothing to
// see beyond.
template <class Network>
std::vector<float> WaveformAutoencoder::in_pieces(std::optional<Compiled>& graph,
                                                  const Network& network,
                                                  std::span<const float> values, const Pieces& p,
                                                  DType dtype,
                                                  const std::function<bool()>& cancelled) {
    const int64_t length = std::min(p.total, p.at_a_time + 2 * p.halo);
    const Shape shape{1, length * p.in_rows, p.in / p.in_rows};
    if (!graph || graph->shape != shape || graph->dtype != dtype) {
        graph.reset();   // before the next one asks for memory
        Tensor in = input("autoencoder", shape);
        Graph compiled =
            take(Graph::compile(device_, {network(in, dtype)}, {.workspace = workspace_}));
        graph.emplace(Compiled{shape, dtype, std::move(in), std::move(compiled)});
    }
    std::vector<float> result(size_t(p.total * p.out)), part(size_t(length * p.out));
    for (int64_t done = 0; done < p.total;) {
        const int64_t first = std::clamp<int64_t>(done - p.halo, 0, p.total - length);
        const bool last = first + length == p.total;
        const int64_t until = last ? p.total : first + length - p.halo;
        take(graph->graph.write(graph->in,
                                values.subspan(size_t(first * p.in), size_t(length * p.in))));
        take(graph->graph.run(cancelled));
        take(graph->graph.read(part));
        std::copy_n(part.begin() + (done - first) * p.out, (until - done) * p.out,
                    result.begin() + done * p.out);
        done = until;
        if (progress_) progress_(int(done), int(p.total));
    }
    return result;
}

std::vector<float> WaveformAutoencoder::decode(std::span<const float> latent, int height, int,
                                               DType dtype, int tile,
                                               const std::function<bool()>& cancelled) {
    const int channels = config_.latent_channels, factor = config_.factor();
    std::vector<float> z(latent.size());
    to_channels_last(latent, z.data(), 1, channels, height, channels);
    const Pieces pieces{.total = height,
                        .at_a_time = tile ? tile / factor : height,
                        .halo = config_.decoder_halo(),
                        .in = channels,
                        .out = int64_t(factor) * config_.audio_channels,
                        .in_rows = 1};
    std::vector<float> waveform = in_pieces(decoding_, *decoder_, z, pieces, dtype, cancelled);
    if (dtype != DType::f32 && !finite(waveform)) {
        if (log_)
            log_(LogLevel::warning,
                 "the autoencoder overflowed in half precision; decoding again in f32");
        waveform = in_pieces(decoding_, *decoder_, z, pieces, DType::f32, cancelled);
    }
    if (!finite(waveform)) not_finite();
    return waveform;
}

LatentDistribution WaveformAutoencoder::encode(std::span<const float> values, int height, int,
                                               int tile, const std::function<bool()>& cancelled) {
    if (!encoder_) {
        Weights source(device_, part_.files, {.names = part_.names, .deferred = true});
        encoder_.emplace(source, config_);
        weights_.insert(weights_.end(), source.deferred().begin(), source.deferred().end());
    }
    const int channels = config_.latent_channels, factor = config_.factor();
    const int64_t latents = height / factor;
    const Pieces pieces{.total = latents,
                        .at_a_time = tile ? tile / factor : latents,
                        .halo = config_.encoder_halo(),
                        .in = int64_t(factor) * config_.audio_channels,
                        .out = 2 * channels,
                        .in_rows = factor};
    const std::vector<float> moments =
        in_pieces(encoding_, *encoder_, values, pieces, DType::f32, cancelled);
    if (!finite(moments)) not_finite();
    std::vector<float> both(moments.size());
    to_channels_first(moments, both.data(), 1, 2 * channels, latents);
    const auto half = both.begin() + ptrdiff_t(both.size() / 2);
    LatentDistribution result{.mean = {both.begin(), half}, .deviation = {half, both.end()}};
    for (float& scale : result.deviation)   // softplus, which is the identity far above zero
        scale = (scale > 20 ? scale : std::log1p(std::exp(scale))) + 1e-4f;
    return result;
}

GraphNeeds WaveformAutoencoder::needs(int height, int) {
    const Tensor in =
        input("latent", {1, height + 2 * config_.decoder_halo(), config_.latent_channels});
    return Graph::needs(*device_, {(*decoder_)(in)});
}

bool WaveformAutoencoder::release() {
    const bool held = decoding_ || encoding_;
    decoding_.reset();
    encoding_.reset();
    return evict(weights_) || held;
}

}   // namespace kiln
