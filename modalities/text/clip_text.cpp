#include "modalities/text/clip_text.h"

#include <algorithm>

#include "runtime/nn/model_config.h"

namespace kiln {
namespace {

ClipTextConfig clip_text_config(const JsonObject& json) {
    ClipTextConfig c;
    c.vocabulary = positive(json, "vocab_size", c.vocabulary);
    c.positions = positive(json, "max_position_embeddings", c.positions);
    c.width = positive(json, "hidden_size", c.width);
    c.hidden = positive(json, "intermediate_size", c.hidden);
    c.layers = positive(json, "num_hidden_layers", c.layers);
    c.heads = positive(json, "num_attention_heads", c.heads);
    c.projection = positive(json, "projection_dim", c.projection);
    c.eps = epsilon(json, "layer_norm_eps", 1e-5);
    c.end_token = int(take(json.integer("eos_token_id", c.end_token)));
    c.activation = activation(json, "hidden_act", "quick_gelu");
    require_whole_heads(json, "num_attention_heads", c.heads, "hidden_size", c.width);
    return c;
}

}   // namespace

int ClipTextConfig::pooled_position(const std::vector<int32_t>& tokens) const {
    const auto at = end_token == 2 ? std::max_element(tokens.begin(), tokens.end())
                                   : std::find(tokens.begin(), tokens.end(), end_token);
    return at == tokens.end() ? 0 : int(at - tokens.begin());
}

Result<ClipTextConfig> parse_clip_text_config(const JsonObject& json) {
    return parse_config(json, clip_text_config);
}

}   // namespace kiln
