// Oobleck as pipelines call it: latents to waveforms and back, in pieces of bounded memory. A
// convolution sees so far and no farther, so that pieces which overlap by what a sample depends on
// make what the whole would.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "modalities/audio/oobleck.h"
#include "modalities/latent/checkpoint_part.h"
#include "modalities/latent/codec.h"
#include "runtime/base/log.h"

namespace kiln {

class WaveformAutoencoder : public LatentCodec {
public:
    // Leaves the weights to their first use. What it claims from the files is added to `claimed`.
    WaveformAutoencoder(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                        const CheckpointPart& part, const OobleckConfig& config, LogSink log,
                        std::unordered_set<std::string>& claimed);

    Factors factors() const override { return {config_.factor(), 1}; }
    // A latent [latent_channels, height] to [height * factor, audio_channels]: `width` is 1, and
    // `tile` how many samples of the result to make at a time, a multiple of factor.
    std::vector<float> decode(std::span<const float> latent, int height, int width, DType dtype,
                              int tile, const std::function<bool()>& cancelled) override;
    // `height` samples of all channels, a multiple of factor.
    LatentDistribution encode(std::span<const float> values, int height, int width, int tile,
                              const std::function<bool()>& cancelled) override;
    GraphNeeds needs(int height, int width) override;

    bool release() override;
    const std::vector<std::shared_ptr<Weight>>& weights() const override { return weights_; }
    const OobleckConfig& config() const { return config_; }

    // Told after each piece how many latents are done, of how many.
    void tell(std::function<void(int done, int total)> progress) { progress_ = progress; }

private:
    struct Compiled {
        Shape shape;   // of the input
        DType dtype;
        Tensor in;
        Graph graph;
    };
    struct Pieces {   // lengths in latents
        int64_t total, at_a_time, halo;
        int64_t in, out;   // values a latent on either side
        int64_t in_rows;   // rows of the input's tensor a latent
    };
    template <class Network>
    std::vector<float> in_pieces(std::optional<Compiled>& graph, const Network& network,
                                 std::span<const float> values, const Pieces& pieces, DType dtype,
                                 const std::function<bool()>& cancelled);

    std::shared_ptr<Device> device_;
    std::shared_ptr<Workspace> workspace_;
    CheckpointPart part_;
    OobleckConfig config_;
    LogSink log_;
    std::vector<std::shared_ptr<Weight>> weights_;
    std::optional<OobleckDecoder> decoder_;
    std::optional<OobleckEncoder> encoder_;
    std::optional<Compiled> decoding_, encoding_;
    std::function<void(int done, int total)> progress_;
};

}   // namespace kiln
