#include "modalities/audio/audioldm2_conditioning.h"

#include <algorithm>

namespace kiln {
namespace {

// CLAP's vector and the marks around it, and the mark before T5's states.
constexpr int kBefore = 4;

template <class Network, class Config>
Network load(const std::shared_ptr<Device>& device, const CheckpointPart& part,
             const Config& config, std::unordered_set<std::string>& claimed,
             std::vector<std::shared_ptr<Weight>>& deferred) {
    Weights weights(device, part.files, {.names = part.names, .deferred = true});
    Network network(weights, config);
    claimed.insert(weights.claimed().begin(), weights.claimed().end());
    deferred.insert(deferred.end(), weights.deferred().begin(), weights.deferred().end());
    return network;
}

}   // namespace

AudioLdm2TextEncoders::AudioLdm2TextEncoders(std::shared_ptr<Device> device,
                                             std::shared_ptr<Workspace> workspace,
                                             const AudioLdm& model,
                                             std::unordered_set<std::string>& claimed)
    : device_(std::move(device)),
      workspace_(std::move(workspace)),
      tokenizer_(model.language->tokenizer),
      longest_(model.language->longest()),
      clap_(device_, workspace_, model, claimed),
      t5_(load<T5Encoder>(device_, model.language->t5_part, model.language->t5, claimed,
                          t5_graph_.weights)),
      language_{
          load<AudioLdm2Projection>(device_, model.language->projection_part,
                                    model.language->projection, claimed, language_graph_.weights),
          load<Gpt2>(device_, model.language->gpt2_part, model.language->gpt2, claimed,
                     language_graph_.weights)},
      weights_(clap_.weights()) {
    for (const Compiled* network : {&t5_graph_, &language_graph_})
        weights_.insert(weights_.end(), network->weights.begin(), network->weights.end());
}

Tensor AudioLdm2TextEncoders::build_t5(int64_t tokens, std::vector<Tensor>& inputs) const {
    inputs = {input("ids", {1, tokens}, DType::i32), input("mask", {1, tokens})};
    return t5_(inputs[0], inputs[1]);
}

Tensor AudioLdm2TextEncoders::build_language(int64_t tokens, std::vector<Tensor>& inputs) const {
    const int generated = language_.gpt2.config.generated;
    const int64_t positions = kBefore + tokens + 1 + generated - 1;
    inputs = {input("clap", {1, 1, clap_.width()}), input("text", {1, tokens, t5_.config.width}),
              input("mask", {1, tokens}), input("positions", {1, positions}, DType::i32)};
    const auto [states, mask] =
        language_.projection({inputs[0], constant({1, 1}, {1.0f})}, {inputs[1], inputs[2]});
    return language_.gpt2.generate(states, mask, generated, inputs[3]);
}

bool AudioLdm2TextEncoders::release(Compiled& network) {
    const bool held = network.graph.has_value();
    network.graph.reset();
    network.tokens = 0;
    return evict(network.weights) || held;
}

bool AudioLdm2TextEncoders::release() {
    const bool clap = clap_.release(), t5 = release(t5_graph_), language = release(language_graph_);
    return clap || t5 || language;
}

// If need be with the other encoders out of memory.
void AudioLdm2TextEncoders::compile(Compiled& network, int64_t tokens,
                                    Tensor (AudioLdm2TextEncoders::*build)(int64_t,
                                                                           std::vector<Tensor>&)
                                        const) {
    if (network.tokens == tokens) return;
    network.graph.reset();
    network.tokens = 0;
    const Tensor result = (this->*build)(tokens, network.inputs);
    auto graph = Graph::compile(device_, {result}, {.workspace = workspace_});
    if (!graph && graph.error().status == Status::out_of_memory) {
        clap_.release();
        release(&network == &t5_graph_ ? language_graph_ : t5_graph_);
        graph = Graph::compile(device_, {result}, {.workspace = workspace_});
    }
    network.graph = take(std::move(graph));
    network.tokens = tokens;
}

uint64_t AudioLdm2TextEncoders::least_memory() const {
    std::vector<Tensor> inputs;
    const int64_t tokens = padded_tokens(1);
    const uint64_t t5 = Graph::needs(*device_, {build_t5(tokens, inputs)}).least();
    const uint64_t language = Graph::needs(*device_, {build_language(tokens, inputs)}).least();
    return std::max({clap_.least_memory(), t5, language});
}

AudioLdm2TextEncoders::Text AudioLdm2TextEncoders::tokens_of(const std::string& prompt, int length,
                                                             std::string& dropped) const {
    const bool as_long_as_it_is = length == 0;
    Tokens all = tokenizer_.encode(prompt, as_long_as_it_is ? longest_ : length);
    if (dropped.empty()) dropped = all.dropped;
    Text text{
        .ids = std::move(all.ids), .mask = {}, .length = as_long_as_it_is ? all.used : length};
    const auto padded = size_t(padded_tokens(text.length));
    text.ids.resize(padded, tokenizer_.pad());
    text.mask.assign(padded, 0.0f);
    std::fill_n(text.mask.begin(), all.used, 1.0f);
    return text;
}

// Where the language model's states stand: as if T5's were `length` of the `tokens` that there are.
std::vector<int32_t> AudioLdm2TextEncoders::positions(int64_t tokens, int length) const {
    std::vector<int32_t> ids;
    for (int i = 0; i < kBefore + length; i++) ids.push_back(i);
    ids.resize(size_t(kBefore + tokens), 0);   // masked
    for (int i = 0; i < language_.gpt2.config.generated; i++) ids.push_back(kBefore + length + i);
    return ids;
}

Conditioning AudioLdm2TextEncoders::encode(const std::vector<float>& clap, const Text& text,
                                           const std::function<bool()>& cancelled) {
    const auto tokens = int64_t(text.ids.size());
    compile(t5_graph_, tokens, &AudioLdm2TextEncoders::build_t5);
    take(t5_graph_.graph->write_i32(t5_graph_.inputs[0], text.ids));
    take(t5_graph_.graph->write(t5_graph_.inputs[1], text.mask));
    take(t5_graph_.graph->run(cancelled));
    std::vector<float> states = take(t5_graph_.graph->read());

    compile(language_graph_, tokens, &AudioLdm2TextEncoders::build_language);
    Graph& graph = *language_graph_.graph;
    take(graph.write(language_graph_.inputs[0], clap));
    take(graph.write(language_graph_.inputs[1], states));
    take(graph.write(language_graph_.inputs[2], text.mask));
    take(graph.write_i32(language_graph_.inputs[3], positions(tokens, text.length)));
    take(graph.run(cancelled));
    const Gpt2Config& c = language_.gpt2.config;
    return {{"context", {c.generated, c.width}, take(graph.read())},
            {"second_context", {tokens, t5_.config.width}, std::move(states)},
            {"second_mask", {tokens}, text.mask}};
}

SpokenPrompts AudioLdm2TextEncoders::encode(const std::string& prompt,
                                            const std::optional<std::string>& negative,
                                            const std::function<bool()>& cancelled) {
    SpokenPrompts result;
    const std::vector<float> clap = clap_.embed(prompt, result.dropped, cancelled);
    const Text text = tokens_of(prompt, 0, result.dropped);
    if (!negative) {
        result.positive = encode(clap, text, cancelled);
        return result;
    }
    const std::vector<float> other = clap_.embed(*negative, result.dropped, cancelled);
    result.positive = encode(clap, text, cancelled);
    result.negative = encode(other, tokens_of(*negative, text.length, result.dropped), cancelled);
    return result;
}

}   // namespace kiln
