// A run that starts from a picture: image to image (Meng et al. SDEdit. 2022) and repainting under
// a mask, with ordinary models (Lugmayr et al. RePaint. 2022, equation 8) and with models trained
// for it.
#pragma once
#include <functional>
#include <vector>

#include "modalities/diffusion/latent.h"
#include "modalities/latent/autoencoder.h"
#include "modalities/image/pipeline.h"

namespace kiln {

class InitImage {
public:
    using Encode = std::function<LatentDistribution(std::span<const float> pixels)>;

    // Encodes the picture, scaled to the size of the request. Draws from the generator what
    // diffusers' pipelines draw, in their order.
    InitImage(const ImageRequest& request, const ImageInfo& info, const Autoencoder& vae,
              const Encode& encode, int samples, NoiseSource& noise);

    // x at the level of the sampler's first step.
    void start(const Sampler& sampler, Latent& x) const;
    // What a model trained to repaint sees beside the latent, [n, 1 + c, h, w]; empty for others.
    const std::vector<float>& extra() const { return extra_; }
    // Whether blend() must follow every step: outside the mask goes back to the noised picture.
    bool blends() const { return !mask_.empty() && extra_.empty(); }
    void blend(const Sampler& sampler, Latent& x) const;

private:
    Latent sampled(const LatentDistribution& distribution, int samples, NoiseSource& noise) const;

    const Autoencoder& vae_;
    bool from_noise_;           // at full strength repainting starts from noise alone
    Latent latent_, noise_;     // [n, c, h, w]
    std::vector<float> mask_;   // [h, w] of the latent: 1 is repainted; empty without a mask
    std::vector<float> extra_;
    size_t channels_;
};

}   // namespace kiln
