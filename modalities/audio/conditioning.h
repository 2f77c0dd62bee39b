// Prompts as the U-Nets of AudioLDM and AudioLDM 2 take them.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "modalities/audio/checkpoint.h"
#include "modalities/latent/conditioning.h"
#include "modalities/latent/resident.h"
#include "runtime/graph/graph.h"

namespace kiln {

struct SpokenPrompts {
    Conditioning positive, negative;
    std::string dropped;   // the end of a prompt that did not fit
};

class PromptEncoder : public Resident {
public:
    // The prompt and, where guidance asks for one, what to keep away from.
    virtual SpokenPrompts encode(const std::string& prompt,
                                 const std::optional<std::string>& negative,
                                 const std::function<bool()>& cancelled = {}) = 0;
    virtual uint64_t least_memory() const = 0;   // bytes that encode() cannot do without
};

// The one for the model. Leaves the weights to the first prompt. What it claims from the files is
// added to `claimed`.
std::unique_ptr<PromptEncoder> make_prompt_encoder(std::shared_ptr<Device> device,
                                                   std::shared_ptr<Workspace> workspace,
                                                   const AudioLdm& model,
                                                   std::unordered_set<std::string>& claimed);

// Lengths of texts are rounded up to a whole number of these, so that few are compiled for:
// padding is masked and changes nothing.
int64_t padded_tokens(int64_t used);

// One unit vector of CLAP, "label" [projection].
class ClapTextEncoder : public PromptEncoder {
public:
    ClapTextEncoder(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                    const AudioLdm& model, std::unordered_set<std::string>& claimed);

    SpokenPrompts encode(const std::string& prompt, const std::optional<std::string>& negative,
                         const std::function<bool()>& cancelled = {}) override;
    uint64_t least_memory() const override;
    bool release() override;
    const std::vector<std::shared_ptr<Weight>>& weights() const override { return weights_; }

    // The vector of one prompt, and into `dropped` what did not fit.
    std::vector<float> embed(const std::string& prompt, std::string& dropped,
                             const std::function<bool()>& cancelled);
    int width() const { return model_.config.projection; }

private:
    struct Inputs {
        Tensor ids, positions, mask;
    };
    Tensor build(int64_t tokens, Inputs& inputs) const;

    std::shared_ptr<Device> device_;
    std::shared_ptr<Workspace> workspace_;
    Tokenizer tokenizer_;
    std::vector<std::shared_ptr<Weight>> weights_;
    ClapText model_;
    int64_t compiled_ = 0;   // tokens
    Inputs inputs_;
    std::optional<Graph> graph_;
};

}   // namespace kiln
