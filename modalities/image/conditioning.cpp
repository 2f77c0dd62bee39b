#include "modalities/image/conditioning.h"

#include <algorithm>

namespace kiln {
namespace {

ClipText load(const std::shared_ptr<Device>& device, const CheckpointText& text,
              const WeightsOptions& options, std::unordered_set<std::string>& claimed,
              std::vector<std::shared_ptr<Weight>>& deferred) {
    Weights weights(
        device, text.part.files,
        {.storage = options.storage, .names = text.part.names, .deferred = options.deferred});
    ClipText model(weights, text.config);
    claimed.insert(weights.claimed().begin(), weights.claimed().end());
    deferred = weights.deferred();
    return model;
}

}   // namespace

TextEncoders::TextEncoders(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                           const Checkpoint& model, const WeightsOptions& weights,
                           std::unordered_set<std::string>& claimed)
    : device_(std::move(device)),
      workspace_(std::move(workspace)),
      pooled_(model.unet.addition_time_width > 0) {
    for (const CheckpointText& text : model.texts) {
        std::vector<std::shared_ptr<Weight>> deferred;
        ClipText network = load(device_, text, weights, claimed, deferred);
        weights_.insert(weights_.end(), deferred.begin(), deferred.end());
        encoders_.push_back(
            {.text = text, .weights = std::move(deferred), .model = std::move(network)});
    }
}

bool TextEncoders::release_all_but(const Encoder* kept) {
    bool any = false;
    for (Encoder& encoder : encoders_) {
        if (&encoder == kept) continue;
        any |= encoder.graph.has_value();
        encoder.graph.reset();
        encoder.compiled_skip = -1;
        any |= evict(encoder.weights);
    }
    return any;
}

int TextEncoders::width() const {
    int width = 0;
    for (const Encoder& encoder : encoders_) width += encoder.text.config.width;
    return width;
}

std::vector<Tensor> TextEncoders::build(const Encoder& encoder, int clip_skip, const Tensor& ids,
                                        const Tensor& end) const {
    const int from_end = clip_skip + (encoder.text.penultimate ? 1 : 0);
    if (clip_skip < 0 || from_end > encoder.text.config.layers)
        throw ResultError({Status::usage, "clip skip " + std::to_string(clip_skip) +
                                              ": the text encoder has only " +
                                              std::to_string(encoder.text.config.layers) +
                                              " layers"});
    const std::vector<Tensor> states = encoder.model(ids);
    const Tensor& seen = states[states.size() - 1 - size_t(from_end)];
    std::vector<Tensor> outputs = {encoder.text.penultimate ? seen
                                                            : encoder.model.final_norm(seen)};
    if (pools(encoder)) outputs.push_back(encoder.model.pooled(states.back(), end));
    return outputs;
}

void TextEncoders::compile(Encoder& encoder, int clip_skip) {
    if (encoder.compiled_skip == clip_skip) return;
    encoder.graph.reset();
    encoder.compiled_skip = -1;
    encoder.ids = input("ids", {1, encoder.text.config.positions}, DType::i32);
    encoder.end = input("end", {1}, DType::i32);
    const std::vector<Tensor> outputs = build(encoder, clip_skip, encoder.ids, encoder.end);
    auto graph = Graph::compile(device_, outputs, {.workspace = workspace_});
    if (!graph && graph.error().status == Status::out_of_memory && release_all_but(&encoder))
        graph = Graph::compile(device_, outputs, {.workspace = workspace_});
    encoder.graph = take(std::move(graph));
    encoder.compiled_skip = clip_skip;
}

uint64_t TextEncoders::least_memory(int clip_skip) const {
    uint64_t bytes = 0;
    for (const Encoder& encoder : encoders_) {
        const Tensor ids = input("ids", {1, encoder.text.config.positions}, DType::i32);
        const Tensor end = input("end", {1}, DType::i32);
        const GraphNeeds needs = Graph::needs(*device_, build(encoder, clip_skip, ids, end));
        bytes = std::max(bytes, needs.least());
    }
    return bytes;
}

EncodedPrompt TextEncoders::encode(const std::string& prompt, int clip_skip,
                                   const std::function<bool()>& cancelled) {
    EncodedPrompt result;
    const int count = tokens(), total = width();
    result.context.resize(size_t(count) * size_t(total));
    int column = 0;
    for (Encoder& encoder : encoders_) {
        compile(encoder, clip_skip);
        const Tokens tokenized = encoder.text.tokenizer.encode(prompt, count);
        if (result.dropped.empty()) result.dropped = tokenized.dropped;
        take(encoder.graph->write_i32(encoder.ids, tokenized.ids));
        const int32_t end = encoder.text.config.pooled_position(tokenized.ids);
        if (pools(encoder)) take(encoder.graph->write_i32(encoder.end, {&end, 1}));
        take(encoder.graph->run(cancelled));
        const std::vector<float> states = take(encoder.graph->read(0));
        const int width = encoder.text.config.width;
        for (int i = 0; i < count; i++)
            std::copy_n(states.begin() + ptrdiff_t(i) * width, width,
                        result.context.begin() + ptrdiff_t(i) * total + column);
        column += width;
        if (pools(encoder)) result.pooled = take(encoder.graph->read(1));
    }
    return result;
}

EncodedPrompt TextEncoders::zeros() const {
    EncodedPrompt result;
    result.context.resize(size_t(tokens()) * size_t(width()));
    if (pooled_) result.pooled.resize(size_t(encoders_.back().text.config.projection));
    return result;
}

std::vector<float> time_ids(const Checkpoint& model, int width, int height, bool negative) {
    const float w = float(width), h = float(height);
    if (model.aesthetic_score) return {h, w, 0, 0, negative ? 2.5f : 6.0f};
    return {h, w, 0, 0, h, w};
}

Conditioning conditioning(const Checkpoint& model, const EncodedPrompt& prompt, double guidance,
                          int width, int height, bool negative) {
    const UNetConfig& c = model.unet;
    const int64_t tokens = int64_t(prompt.context.size()) / c.context[0];
    Conditioning result = {{"context", {tokens, c.context[0]}, prompt.context}};
    if (c.addition_time_width) {
        std::vector<float> ids = time_ids(model, width, height, negative);
        result.push_back({"pooled", {int64_t(prompt.pooled.size())}, prompt.pooled});
        result.push_back({"time_ids", {int64_t(ids.size())}, std::move(ids)});
    }
    if (c.guidance_width)
        result.push_back(
            {"guidance", {c.guidance_width}, guidance_embedding(guidance, c.guidance_width)});
    return result;
}

}   // namespace kiln
