// The autoencoder as pipelines call it: latents to pictures and back, one sample at a time.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "modalities/image/checkpoint.h"
#include "modalities/image/vae.h"
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
    // Loads the decoder; the encoder is loaded when first used.
    Autoencoder(std::shared_ptr<Device> device, const Checkpoint& model,
                const WeightsOptions& weights, std::shared_ptr<Workspace> workspace, LogSink log,
                std::unordered_set<std::string>& claimed);

    // One latent [c, h, w] as the U-Net knows it. A result that is not finite in half precision is
    // computed again in f32; in f32 it is Status::not_finite.
    Image decode(std::span<const float> latent, int height, int width, DType dtype,
                 const std::function<bool()>& cancelled = {});

    // A picture [h, w, 3] in [-1, 1], without the U-Net's scale.
    LatentDistribution encode(std::span<const float> pixels, int height, int width,
                              const std::function<bool()>& cancelled = {});

    // z as the autoencoder knows it to the latent of the U-Net, in place. [c, h, w]
    void to_model(std::span<float> z) const;

private:
    struct Compiled {
        int height = 0, width = 0;
        DType dtype = DType::f32;
        Tensor in;
        std::optional<Graph> graph;
    };
    std::vector<float> decode_raw(std::span<const float> z, int height, int width, DType dtype,
                                  const std::function<bool()>& cancelled);
    void from_model(std::span<float> z) const;

    std::shared_ptr<Device> device_;
    std::shared_ptr<Workspace> workspace_;
    LogSink log_;
    VaeConfig config_;
    CheckpointPart part_;
    WeightsOptions weights_;
    std::optional<VaeDecoder> decoder_;
    std::optional<VaeEncoder> encoder_;
    Compiled decoding_, encoding_;
};

}   // namespace kiln
