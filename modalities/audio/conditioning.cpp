#include "modalities/audio/conditioning.h"

#include <algorithm>

#include "modalities/audio/audioldm2_conditioning.h"

namespace kiln {
namespace {

ClapText load(const std::shared_ptr<Device>& device, const AudioLdm& model,
              std::unordered_set<std::string>& claimed,
              std::vector<std::shared_ptr<Weight>>& deferred) {
    Weights weights(device, model.text_part.files,
                    {.names = model.text_part.names, .deferred = true});
    ClapText network(weights, model.text);
    claimed.insert(weights.claimed().begin(), weights.claimed().end());
    deferred = weights.deferred();
    return network;
}

}   // namespace

std::unique_ptr<PromptEncoder> make_prompt_encoder(std::shared_ptr<Device> device,
                                                   std::shared_ptr<Workspace> workspace,
                                                   const AudioLdm& model,
                                                   std::unordered_set<std::string>& claimed) {
    if (model.language)
        return std::make_unique<AudioLdm2TextEncoders>(std::move(device), std::move(workspace),
                                                       model, claimed);
    return std::make_unique<ClapTextEncoder>(std::move(device), std::move(workspace), model,
                                             claimed);
}

int64_t padded_tokens(int64_t used) {
    constexpr int64_t kTokens = 32;
    return (used + kTokens - 1) / kTokens * kTokens;
}

ClapTextEncoder::ClapTextEncoder(std::shared_ptr<Device> device,
                                 std::shared_ptr<Workspace> workspace, const AudioLdm& model,
                                 std::unordered_set<std::string>& claimed)
    : device_(std::move(device)),
      workspace_(std::move(workspace)),
      tokenizer_(model.tokenizer),
      model_(load(device_, model, claimed, weights_)) {}

Tensor ClapTextEncoder::build(int64_t tokens, Inputs& inputs) const {
    inputs = {input("ids", {1, tokens}, DType::i32), input("positions", {1, tokens}, DType::i32),
              input("mask", {1, tokens})};
    return model_.embedding(model_(inputs.ids, inputs.positions, inputs.mask));
}

uint64_t ClapTextEncoder::least_memory() const {
    Inputs inputs;
    return Graph::needs(
               *device_,
               {build(std::min<int64_t>(padded_tokens(1), model_.config.length()), inputs)})
        .least();
}

bool ClapTextEncoder::release() {
    const bool held = graph_.has_value();
    graph_.reset();
    compiled_ = 0;
    return evict(weights_) || held;
}

std::vector<float> ClapTextEncoder::embed(const std::string& prompt, std::string& dropped,
                                          const std::function<bool()>& cancelled) {
    const int most = std::min(tokenizer_.max_length(), model_.config.length());
    const Tokens all = tokenizer_.encode(prompt, most);
    if (dropped.empty()) dropped = all.dropped;
    const int64_t tokens = std::min<int64_t>(padded_tokens(all.used), most);
    const std::vector<int32_t> ids(all.ids.begin(), all.ids.begin() + tokens);
    std::vector<float> mask(size_t(tokens), 0.0f);
    std::fill_n(mask.begin(), all.used, 1.0f);
    if (compiled_ != tokens) {
        graph_.reset();
        compiled_ = 0;
        const Tensor embedding = build(tokens, inputs_);
        graph_ = take(Graph::compile(device_, {embedding}, {.workspace = workspace_}));
        compiled_ = tokens;
    }
    take(graph_->write_i32(inputs_.ids, ids));
    take(graph_->write_i32(inputs_.positions, model_.config.position_ids(ids)));
    take(graph_->write(inputs_.mask, mask));
    take(graph_->run(cancelled));
    return take(graph_->read());
}

SpokenPrompts ClapTextEncoder::encode(const std::string& prompt,
                                      const std::optional<std::string>& negative,
                                      const std::function<bool()>& cancelled) {
    SpokenPrompts result;
    const auto label = [&](const std::string& text) -> Conditioning {
        return {{"label", {model_.config.projection}, embed(text, result.dropped, cancelled)}};
    };
    result.positive = label(prompt);
    if (negative) result.negative = label(*negative);
    return result;
}

}   // namespace kiln
