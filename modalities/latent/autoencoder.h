// The autoencoder as pipelines call it: latents to what they stand for (a picture, a spectrogram)
// and back, one sample at a time. Sizes are those of a plane [height, width].
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "modalities/latent/checkpoint_part.h"
#include "modalities/latent/codec.h"
#include "modalities/latent/config.h"
#include "modalities/latent/encoder_gradient.h"
#include "modalities/latent/vae.h"
#include "runtime/base/log.h"

namespace kiln {

class Autoencoder : public LatentCodec {
public:
    // Loads the decoder, or leaves that to its first use if `weights` says deferred; the encoder is
    // loaded when first used.
    Autoencoder(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                const CheckpointPart& part, const VaeConfig& config, const WeightsOptions& weights,
                LogSink log, std::unordered_set<std::string>& claimed);

    // One latent [c, h, w] as the denoiser knows it, to [h * factor, w * factor, out_channels], in
    // about [-1, 1] for pictures. A result that is not finite in half precision is computed again
    // in f32; in f32 it is Status::not_finite. `tile`: the side of the tiles of the result to do
    // it in (tiles.h), a multiple of 4 * factor; 0: as a whole, which is exact.
    std::vector<float> decode(std::span<const float> latent, int height, int width, DType dtype,
                              int tile = 0, const std::function<bool()>& cancelled = {}) override;

    // A sample [h, w, in_channels], without the denoiser's scale.
    LatentDistribution encode(std::span<const float> values, int height, int width, int tile = 0,
                              const std::function<bool()>& cancelled = {}) override;

    // The encoder with its gradient, for `images` pictures of this size at a time; in f32 where the
    // model overflows in half precision, and with less memory where it does not suffice. It uses
    // the autoencoder's weights and workspace, and is to go before release() can free memory.
    EncoderGradient encoder_gradient(int images, int height, int width,
                                     EncoderGradientOptions options = {});

    Factors factors() const override { return {config_.factor(), config_.factor()}; }
    GraphNeeds needs(int height, int width) override;
    bool release() override;
    const std::vector<std::shared_ptr<Weight>>& weights() const override { return weights_; }
    const VaeConfig& config() const { return config_; }

    // z as the autoencoder knows it to the latent of the denoiser, in place. [c, h, w]
    void to_model(std::span<float> z) const;

private:
    struct Compiled {
        Shape shape;   // of the input
        DType dtype;
        int tile;
        Tensor in;
        Graph graph;
    };
    // The network for one shape of its input; those of the tiles of one sample stay side by side.
    template <class Network>
    std::vector<float> pass(std::vector<Compiled>& graphs, const Network& network,
                            std::span<const float> values, const Shape& shape, DType dtype,
                            int tile, const std::function<bool()>& cancelled);
    std::vector<float> decode_raw(std::span<const float> z, int height, int width, DType dtype,
                                  int tile, const std::function<bool()>& cancelled);
    void from_model(std::span<float> z) const;
    const VaeEncoder& encoder();   // loads it

    std::shared_ptr<Device> device_;
    std::shared_ptr<Workspace> workspace_;
    LogSink log_;
    VaeConfig config_;
    CheckpointPart part_;
    WeightsOptions options_;
    std::vector<std::shared_ptr<Weight>> weights_;
    std::optional<VaeDecoder> decoder_;
    std::optional<VaeEncoder> encoder_;
    std::vector<Compiled> decoding_, encoding_;
};

}   // namespace kiln
