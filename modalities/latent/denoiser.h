// The denoising network as the sampling loop calls it: compiled for one shape, fed with latents in
// [n, c, h, w] order, with both conditions in one batch or in two passes.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "modalities/diffusion/latent.h"
#include "modalities/latent/checkpoint_part.h"
#include "modalities/latent/conditioning.h"
#include "modalities/latent/config.h"
#include "modalities/latent/resident.h"
#include "runtime/graph/graph.h"

namespace kiln {

struct DenoiserInputs {
    Tensor latent;                    // [n, h, w, in_channels]
    Tensor timestep;                  // [n], may be fractional
    const Conditioning& given;        // names the tensors of `conditions`
    std::vector<Tensor> conditions;   // [n, shape...]
    DType dtype = DType::f32;         // of activations

    Tensor operator[](std::string_view name) const;   // a condition; empty: not given
};

// A U-Net, a transformer, ...: what the loop has to know of it.
struct DenoiserNetwork {
    std::function<Tensor(const DenoiserInputs&)> predict;   // -> [n, h, w, out_channels], f32
    int in_channels, out_channels;
    std::vector<std::shared_ptr<Weight>> weights;   // those left to the first use
};

// The conditions of a U-Net are the members of UNetInputs. What it claims from the files is added
// to `claimed`.
DenoiserNetwork unet_network(const std::shared_ptr<Device>& device, const CheckpointPart& part,
                             const UNetConfig& config, const WeightsOptions& options,
                             std::unordered_set<std::string>& claimed);

// What stays the same over all steps of a run.
struct DenoiserJob {
    int samples = 1, height = 0, width = 0;   // of the latents
    bool guided = true;
    bool two_passes = false;    // the conditions one after the other: half the memory
    DType dtype = DType::f32;   // of activations
    Placing weights = Placing::automatic;
    Conditioning positive, negative;   // negative: where guided
    // [n, c, h, w]: what the network sees beside the latent; the mask and the masked latents of
    // models trained for inpainting.
    std::vector<float> extra;
};

class LatentDenoiser : public Resident {
public:
    LatentDenoiser(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                   DenoiserNetwork network);

    // Compiles unless the shape is that of the last job. The job is kept.
    void prepare(DenoiserJob job, const std::function<bool()>& cancelled = {});
    Result<NetworkOutput> operator()(const NetworkCall& call);
    GraphNeeds needs(const DenoiserJob& job) const;   // what prepare(job) would take, if released
    bool release() override;
    const std::vector<std::shared_ptr<Weight>>& weights() const override {
        return network_.weights;
    }
    const GraphStats& stats() const { return graph_->stats(); }

private:
    struct Signature {
        int64_t batch, height, width;
        DType dtype;
        Placing weights;
        std::vector<Shape> conditions;
        bool operator==(const Signature&) const = default;
    };
    struct Inputs {
        Tensor latent, timestep;
        std::vector<Tensor> conditions;
    };
    static Signature signature_of(const DenoiserJob& job);
    void compile(const Signature& signature);
    Tensor build(const Signature& signature, const DenoiserJob& job, Inputs& inputs) const;
    void write_conditions(std::span<const Conditioning* const> conditions);
    Latent pass(const NetworkCall& call, int copies);

    std::shared_ptr<Device> device_;
    std::shared_ptr<Workspace> workspace_;
    DenoiserNetwork network_;
    std::optional<Signature> compiled_;
    Inputs inputs_;
    std::optional<Graph> graph_;
    DenoiserJob job_;
    std::function<bool()> cancelled_;
};

}   // namespace kiln
