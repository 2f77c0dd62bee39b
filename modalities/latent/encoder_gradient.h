// The encoder of an autoencoder as optimisation calls it: pictures to latents, and a gradient by
// the latents back to one by the pictures. The weights are fixed. Poole et al. DreamFusion:
// Text-to-3D using 2D Diffusion. 2022, section 3, and Lin et al. Magic3D. 2023, section 4.2, are
// what needs it.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "modalities/latent/vae.h"
#include "runtime/graph/graph.h"

namespace kiln {

struct EncoderGradientOptions {
    // Between the first and the last convolution. f16 takes half the memory, and wants cotangents
    // of such a scale that gradients stay within it.
    DType dtype = DType::f32;
    // Keeps the inputs of residual blocks only, about half as much, and computes what is inside
    // them again: the gradient takes about half a forward pass more.
    bool less_memory = false;
};

class EncoderGradient {
public:
    // For `images` pictures of this size at a time. ResultError usage: a side is not a multiple of
    // VaeConfig::factor(); out_of_memory.
    EncoderGradient(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                    const VaeEncoder& encoder, const VaeConfig& config, int images, int height,
                    int width, const EncoderGradientOptions& options = {});

    // Pictures [n, h, w, in_channels] in [-1, 1] to the mean of their latents as the denoiser knows
    // them, [n, c, h / factor, w / factor]. ResultError not_finite: NaN or infinity; interrupted.
    std::vector<float> encode(std::span<const float> pictures,
                              const std::function<bool()>& cancelled = {});

    // d sum(latents * d_latents) / d pictures, [n, h, w, in_channels], at what encode() was given
    // last. To be called after it, any number of times. ResultError as there.
    std::vector<float> gradient(std::span<const float> d_latents,
                                const std::function<bool()>& cancelled = {});

    // Device memory that keeps what gradient() needs of encode(). Other values lie in the
    // workspace, which others may use between the two.
    uint64_t kept_bytes() const { return kept_bytes_; }

private:
    VaeConfig config_;
    int64_t images_, area_;   // of latents
    Tensor pictures_, d_mean_;
    std::optional<Graph> forward_, backward_;
    uint64_t kept_bytes_ = 0;
    bool encoded_ = false;
};

}   // namespace kiln
