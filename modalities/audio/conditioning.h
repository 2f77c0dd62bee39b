// Prompts as AudioLDM's U-Net takes them: one unit vector of CLAP, beside the time.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "modalities/audio/checkpoint.h"
#include "modalities/latent/conditioning.h"
#include "modalities/latent/resident.h"
#include "runtime/graph/graph.h"

namespace kiln {

struct SpokenPrompt {
    Conditioning conditions;   // "label", [projection]
    std::string dropped;       // the end of the prompt that did not fit
};

class ClapTextEncoder : public Resident {
public:
    // Leaves the weights to the first prompt. What it claims from the files is added to `claimed`.
    ClapTextEncoder(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                    const AudioLdm& model, std::unordered_set<std::string>& claimed);

    SpokenPrompt encode(const std::string& prompt, const std::function<bool()>& cancelled = {});
    uint64_t least_memory() const;   // bytes that encode() cannot do without
    bool release() override;
    const std::vector<std::shared_ptr<Weight>>& weights() const override { return weights_; }

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
