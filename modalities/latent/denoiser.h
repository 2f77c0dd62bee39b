// The U-Net as the denoising loop calls it: compiled for one shape, fed with latents in [n, c, h,
// w] order, with both conditions in one batch or in two passes.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "modalities/diffusion/latent.h"
#include "modalities/image/conditioning.h"
#include "modalities/latent/unet.h"

namespace kiln {

// What stays the same over all steps of a run.
struct DenoiserJob {
    int samples = 1, height = 0, width = 0;   // of the latents
    bool guided = true;
    bool two_passes = false;    // the conditions one after the other: half the memory
    DType dtype = DType::f32;   // of activations
    Placing weights = Placing::automatic;
    Conditioning positive, negative;
    std::vector<float> positive_ids,
        negative_ids;           // time_ids(); empty unless the model takes them
    double guidance = 1;        // for models that embed it
    std::vector<float> extra;   // [n, c, h, w]: mask and masked latents of inpainting models
};

class UNetDenoiser {
public:
    UNetDenoiser(std::shared_ptr<Device> device, const Checkpoint& model,
                 const WeightsOptions& weights, std::shared_ptr<Workspace> workspace,
                 std::unordered_set<std::string>& claimed);

    // Compiles unless the shape is that of the last job. The job is kept.
    void prepare(DenoiserJob job, const std::function<bool()>& cancelled = {});
    Result<NetworkOutput> operator()(const NetworkCall& call);
    GraphNeeds needs(const DenoiserJob& job) const;   // what prepare(job) would take, if released
    // Gives back all device memory until the next job. False: it held none.
    bool release();
    const std::vector<std::shared_ptr<Weight>>& weights() const { return weights_; }
    const GraphStats& stats() const { return graph_->stats(); }
    std::vector<KernelTime> times() const { return graph_->times(); }

private:
    struct Signature {
        int64_t batch, height, width;
        DType dtype;
        Placing weights;
        bool operator==(const Signature&) const = default;
    };
    static Signature signature_of(const DenoiserJob& job);
    void compile(const Signature& signature);
    Tensor build(const Signature& signature, const DenoiserJob& job, UNetInputs& inputs) const;
    void write_conditions(std::span<const Conditioning* const> conditions,
                          std::span<const std::vector<float>* const> ids);
    Latent pass(const NetworkCall& call, int copies);

    std::shared_ptr<Device> device_;
    std::shared_ptr<Workspace> workspace_;
    std::vector<std::shared_ptr<Weight>> weights_;
    UNet unet_;
    std::optional<Signature> compiled_;
    UNetInputs inputs_;
    std::optional<Graph> graph_;
    DenoiserJob job_;
    std::function<bool()> cancelled_;
};

}   // namespace kiln
