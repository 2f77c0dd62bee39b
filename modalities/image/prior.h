// Any model of this modality that draws from a table of noise levels, as the prior of score
// distillation (modalities/diffusion/prior.h).
#pragma once
#include <memory>
#include <string>

#include "modalities/diffusion/prior.h"
#include "modalities/image/pipeline.h"

namespace kiln {

class ImagePrior : public Prior {
public:
    // As ImagePipeline::open(). usage: the model repaints pictures, or its noise levels are not
    // those of a table.
    static Result<std::unique_ptr<ImagePrior>> open(std::shared_ptr<Device> device,
                                                    const std::string& path,
                                                    const ImageOptions& options = {});
    ~ImagePrior() override;

    const PriorInfo& info() const override;
    const NoiseSchedule& schedule() const override;
    Result<PromptEmbedding> embed(const std::optional<std::string>& prompt) override;
    Result<std::vector<Latent>> predict(std::span<const Evaluation> evaluations) override;
    PictureEncoder& encoder() override;

    // A latent as a picture [h, w, 3], values 0 to 1.
    Result<std::vector<float>> decode(std::span<const float> latent);

private:
    struct State;
    explicit ImagePrior(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
