// Prompts and lengths as Stable Audio's transformer takes them: the states of T5 with zeros for
// padding, and behind them where the sound starts and ends.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "modalities/audio/stable_audio_checkpoint.h"
#include "modalities/latent/conditioning.h"
#include "modalities/latent/resident.h"
#include "runtime/graph/graph.h"

namespace kiln {

class StableAudioConditioner : public Resident {
public:
    struct Told {
        // "context" [tokens + 2, width] and "global" [2 * width]
        Conditioning conditions;
        std::string dropped;   // the end of the prompt that did not fit
    };

    // Leaves the weights to the first prompt. What it claims from the files is added to `claimed`.
    StableAudioConditioner(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                           const StableAudio& model, std::unordered_set<std::string>& claimed);

    // Of a sound from 0 to `seconds`.
    Told encode(const std::string& prompt, double seconds,
                const std::function<bool()>& cancelled = {});
    // What guidance leads away from where there is no negative prompt: a context of zeros.
    static Conditioning without_context(Conditioning conditions);

    uint64_t least_memory() const;   // bytes that encode() cannot do without
    bool release() override;
    const std::vector<std::shared_ptr<Weight>>& weights() const override { return weights_; }

private:
    struct Network {
        T5Encoder text;
        StableAudioProjection projection;
    };
    struct Inputs {
        Tensor ids, mask, start, end;
    };
    Network load(const StableAudio& model, std::unordered_set<std::string>& claimed);
    std::vector<Tensor> build(Inputs& inputs) const;   // context and global

    std::shared_ptr<Device> device_;
    std::shared_ptr<Workspace> workspace_;
    Tokenizer tokenizer_;
    std::vector<std::shared_ptr<Weight>> weights_;
    Network network_;
    Inputs inputs_;
    std::optional<Graph> graph_;
};

}   // namespace kiln
