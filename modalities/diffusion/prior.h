// A text-to-image model as score distillation sees it: prompts, what its network predicts under
// them, and its way from pictures to latents. Whoever optimises pictures (modalities/splat) knows a
// model by this only; modalities/image has the one for its models. Latents are single samples
// [c, h, w], as the network knows them.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "modalities/diffusion/sampler.h"

namespace kiln {

// A prompt as the network is told it. Those of one prior may be mixed linearly.
using PromptEmbedding = std::vector<float>;

struct PriorInfo {
    int channels = 0, height = 0, width = 0;       // of latents
    int picture_height = 0, picture_width = 0;     // that it was trained on
    Prediction prediction = Prediction::epsilon;   // never flow: levels are those of schedule()
    double cfg = 1;                                // what pictures are best drawn with

    size_t latent_size() const { return size_t(channels) * size_t(height) * size_t(width); }
    size_t picture_size() const { return size_t(picture_height) * size_t(picture_width) * 3; }
};

// One run of the network on one sample; what it points to outlives the call.
struct Evaluation {
    std::span<const float> latent;   // x_t = sqrt(alpha_bar_t) z + sqrt(1 - alpha_bar_t) noise
    int timestep;
    const PromptEmbedding* text;
};

// From pictures to latents, and gradients back. Pictures are [h, w, 3], values 0 to 1, of the size
// in PriorInfo; several lie one after the other, and so do their latents.
class PictureEncoder {
public:
    virtual ~PictureEncoder() = default;
    virtual Result<std::vector<float>> encode(std::span<const float> pictures) = 0;
    // The gradient by the pictures that were encoded last, given that by their latents.
    virtual Result<std::vector<float>> pull_back(std::span<const float> slopes) = 0;
};

class Prior {
public:
    virtual ~Prior() = default;
    virtual const PriorInfo& info() const = 0;
    virtual const NoiseSchedule& schedule() const = 0;   // by whole timesteps
    // None: what the model was trained with in place of a negative prompt.
    virtual Result<PromptEmbedding> embed(const std::optional<std::string>& prompt) = 0;
    // What the network predicts, in the order of the evaluations. out_of_memory; not_finite.
    virtual Result<std::vector<Latent>> predict(std::span<const Evaluation> evaluations) = 0;
    // The model's own; lives as long as the prior.
    virtual PictureEncoder& encoder() = 0;
};

}   // namespace kiln
