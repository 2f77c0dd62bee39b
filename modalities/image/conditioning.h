// Prompts as the U-Net takes them: the states of the text encoders side by side, the pooled text,
// and the numbers that newer models are told beside the text.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modalities/image/checkpoint.h"
#include "modalities/latent/conditioning.h"
#include "modalities/latent/resident.h"
#include "runtime/graph/graph.h"

namespace kiln {

struct EncodedPrompt {
    std::vector<float> context;   // [tokens, width]
    std::vector<float> pooled;    // [c]; empty unless the model takes it
    std::string dropped;          // the end of the prompt that did not fit
};

class TextEncoders : public Resident {
public:
    // Loads the encoders, or leaves that to the first prompt if `weights` says deferred. What they
    // claim from the files is added to `claimed`.
    TextEncoders(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                 const Checkpoint& model, const WeightsOptions& weights,
                 std::unordered_set<std::string>& claimed);

    // `clip_skip` layers before the states that the model was trained on.
    EncodedPrompt encode(const std::string& prompt, int clip_skip,
                         const std::function<bool()>& cancelled = {});
    uint64_t least_memory(int clip_skip) const;   // bytes that encode() cannot do without
    bool release() override { return release_all_but(nullptr); }
    const std::vector<std::shared_ptr<Weight>>& weights() const override { return weights_; }
    // What diffusers takes in place of a negative prompt where the model says so.
    EncodedPrompt zeros() const;

    int tokens() const { return encoders_[0].text.config.positions; }
    int width() const;

private:
    struct Encoder {
        CheckpointText text;
        std::vector<std::shared_ptr<Weight>> weights;
        ClipText model;
        int compiled_skip = -1;
        Tensor ids, end;
        std::optional<Graph> graph;   // states and, where pooled, the pooled text
    };
    void compile(Encoder& encoder, int clip_skip);
    bool release_all_but(const Encoder* kept);
    std::vector<Tensor> build(const Encoder& encoder, int clip_skip, const Tensor& ids,
                              const Tensor& end) const;
    bool pools(const Encoder& encoder) const { return pooled_ && &encoder == &encoders_.back(); }

    std::shared_ptr<Device> device_;
    std::shared_ptr<Workspace> workspace_;
    std::vector<std::shared_ptr<Weight>> weights_;
    std::vector<Encoder> encoders_;
    bool pooled_;
};

// Sizes as SDXL takes them: original height and width, crop top and left, then target height and
// width or, for its refiner, the aesthetic score.
std::vector<float> time_ids(const Checkpoint& model, int width, int height, bool negative);

// All that the model's U-Net is told, for pictures of this size.
Conditioning conditioning(const Checkpoint& model, const EncodedPrompt& prompt, double guidance,
                          int width, int height, bool negative);

}   // namespace kiln
