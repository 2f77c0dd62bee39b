#include "modalities/text/clip_text.h"

#include <algorithm>

#include "runtime/io/json.h"

namespace kiln {
namespace {

ClipTextConfig clip_text_config(const JsonObject& json) {
    take(json.check());
    const auto positive = [&json](std::string_view key, int otherwise) {
        const int64_t value = take(json.integer(key, otherwise));
        if (value < 1 || value > (1 << 24))
            throw ResultError(json.error(key, "out of range: " + std::to_string(value)));
        return int(value);
    };
    ClipTextConfig c;
    c.vocabulary = positive("vocab_size", c.vocabulary);
    c.positions = positive("max_position_embeddings", c.positions);
    c.width = positive("hidden_size", c.width);
    c.hidden = positive("intermediate_size", c.hidden);
    c.layers = positive("num_hidden_layers", c.layers);
    c.heads = positive("num_attention_heads", c.heads);
    c.projection = positive("projection_dim", c.projection);
    c.eps = float(take(json.number("layer_norm_eps", 1e-5)));
    c.end_token = int(take(json.integer("eos_token_id", c.end_token)));
    const std::string activation = take(json.string("hidden_act", "quick_gelu"));
    if (activation == "gelu")
        c.activation = Activation::gelu;
    else if (activation == "gelu_new" || activation == "gelu_pytorch_tanh")
        c.activation = Activation::gelu_tanh;
    else if (activation != "quick_gelu")
        throw ResultError(
            json.error("hidden_act", "expected quick_gelu or gelu; found " + describe(activation)));
    if (c.width % c.heads)
        throw ResultError(json.error(
            "num_attention_heads",
            std::to_string(c.heads) + " does not divide hidden_size " + std::to_string(c.width)));
    return c;
}

}   // namespace

int ClipTextConfig::pooled_position(const std::vector<int32_t>& tokens) const {
    const auto at = end_token == 2 ? std::max_element(tokens.begin(), tokens.end())
                                   : std::find(tokens.begin(), tokens.end(), end_token);
    return at == tokens.end() ? 0 : int(at - tokens.begin());
}

Result<ClipTextConfig> parse_clip_text_config(const JsonObject& json) {
    try {
        return clip_text_config(json);
    } catch (const ResultError& failure) {
        return failure.error;
    }
}

}   // namespace kiln
