// The autoencoder as pipelines call it: latents to pictures and back, one sample at a time.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "modalities/image/checkpoint.h"
#include "modalities/latent/vae.h"
#include "runtime/base/log.h"
#include "runtime/graph/graph.h"
#include "runtime/io/image.h"

namespace kiln {

// What the encoder says of a picture: a normal distribution a latent value, [c, h, w].
struct LatentDistribution {
    std::vector<float> mean, deviation;
};

class Autoencoder {
public:
    // Loads the decoder, or leaves that to its first use if `weights` says deferred; the encoder is
    // loaded when first used.
    Autoencoder(std::shared_ptr<Device> device, const Checkpoint& model,
                const WeightsOptions& weights, std::shared_ptr<Workspace> workspace, LogSink log,
                std::unordered_set<std::string>& claimed);

    // One latent [c, h, w] as the U-Net knows it. A result that is not finite in half precision is
    // computed again in f32; in f32 it is Status::not_finite. `tile`: the side in pixels of the
    // tiles to do it in (tiles.h), a multiple of 4 * factor; 0: as a whole, which is exact.
    Image decode(std::span<const float> latent, int height, int width, DType dtype, int tile = 0,
                 const std::function<bool()>& cancelled = {});

    // A picture [h, w, 3] in [-1, 1], without the U-Net's scale.
    LatentDistribution encode(std::span<const float> pixels, int height, int width, int tile = 0,
                              const std::function<bool()>& cancelled = {});

    GraphNeeds needs(int height, int width);   // of decoding such a latent in f32, if released
    // Gives back all device memory until the next picture. False: it held none.
    bool release();
    const std::vector<std::shared_ptr<Weight>>& weights() const { return weights_; }

    // z as the autoencoder knows it to the latent of the U-Net, in place. [c, h, w]
    void to_model(std::span<float> z) const;

private:
    struct Compiled {
        Shape shape;   // of the input
        DType dtype;
        int tile;
        Tensor in;
        Graph graph;
    };
    // The network for one shape of its input; those of the tiles of one picture stay side by side.
    template <class Network>
    std::vector<float> pass(std::vector<Compiled>& graphs, const Network& network,
                            std::span<const float> values, const Shape& shape, DType dtype,
                            int tile, const std::function<bool()>& cancelled);
    std::vector<float> decode_raw(std::span<const float> z, int height, int width, DType dtype,
                                  int tile, const std::function<bool()>& cancelled);
    void from_model(std::span<float> z) const;

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
