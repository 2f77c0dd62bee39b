#include "modalities/audio/stable_audio_conditioning.h"

#include <algorithm>

namespace kiln {

StableAudioConditioner::StableAudioConditioner(std::shared_ptr<Device> device,
                                               std::shared_ptr<Workspace> workspace,
                                               const StableAudio& model,
                                               std::unordered_set<std::string>& claimed)
    : device_(std::move(device)),
      workspace_(std::move(workspace)),
      tokenizer_(model.tokenizer),
      network_(load(model, claimed)) {}

StableAudioConditioner::Network StableAudioConditioner::load(
    const StableAudio& model, std::unordered_set<std::string>& claimed) {
    Weights text(device_, model.text_part.files, {.deferred = true});
    Weights projection(device_, model.projection_part.files, {.deferred = true});
    Network network{{text, model.text}, {projection, model.projection}};
    for (const Weights* each : {&text, &projection}) {
        claimed.insert(each->claimed().begin(), each->claimed().end());
        weights_.insert(weights_.end(), each->deferred().begin(), each->deferred().end());
    }
    return network;
}

// Every text is as long as the longest: the transformer looks at the zeros behind it too.
std::vector<Tensor> StableAudioConditioner::build(Inputs& in) const {
    const int64_t tokens = tokenizer_.max_length(), width = network_.projection.config.width;
    in = {.ids = input("ids", {1, tokens}, DType::i32),
          .mask = input("mask", {1, tokens}),
          .start = input("start", {1}),
          .end = input("end", {1})};
    const Tensor states = network_.projection.of_text(network_.text(in.ids, in.mask));
    const Tensor start = network_.projection.of_start(in.start);
    const Tensor end = network_.projection.of_end(in.end);
    return {concat({states * reshape(in.mask, {1, tokens, 1}), start, end}, 1),
            reshape(concat({start, end}, 2), {2 * width})};
}

uint64_t StableAudioConditioner::least_memory() const {
    Inputs inputs;
    return Graph::needs(*device_, build(inputs)).least();
}

bool StableAudioConditioner::release() {
    const bool held = graph_.has_value();
    graph_.reset();
    return evict(weights_) || held;
}

StableAudioConditioner::Told StableAudioConditioner::encode(
    const std::string& prompt, double seconds, const std::function<bool()>& cancelled) {
    const Tokens tokens = tokenizer_.encode(prompt);
    const int64_t length = int64_t(tokens.ids.size());
    const int64_t width = network_.projection.config.width;
    std::vector<float> mask(size_t(length), 0.0f);
    std::fill_n(mask.begin(), tokens.used, 1.0f);
    if (!graph_) graph_ = take(Graph::compile(device_, build(inputs_), {.workspace = workspace_}));
    take(graph_->write_i32(inputs_.ids, tokens.ids));
    take(graph_->write(inputs_.mask, mask));
    take(graph_->write(inputs_.start, std::vector<float>{0}));
    take(graph_->write(inputs_.end, std::vector<float>{float(seconds)}));
    take(graph_->run(cancelled));
    return {{{"context", {length + 2, width}, take(graph_->read(0))},
             {"global", {2 * width}, take(graph_->read(1))}},
            tokens.dropped};
}

Conditioning StableAudioConditioner::without_context(Conditioning conditions) {
    for (Condition& condition : conditions)
        if (condition.name == "context")
            std::fill(condition.values.begin(), condition.values.end(), 0.0f);
    return conditions;
}

}   // namespace kiln
