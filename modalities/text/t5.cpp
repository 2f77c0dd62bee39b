#include "modalities/text/t5.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "runtime/nn/model_config.h"

namespace kiln {
namespace {

T5Config t5_config(const JsonObject& json) {
    one_of(json, "model_type", {"t5", "mt5"});
    T5Config c;
    c.vocabulary = positive(json, "vocab_size", c.vocabulary);
    c.width = positive(json, "d_model", c.width);
    c.head_width = positive(json, "d_kv", c.head_width);
    c.hidden = positive(json, "d_ff", c.hidden);
    c.layers = positive(json, "num_layers", c.layers);
    c.heads = positive(json, "num_heads", c.heads);
    c.buckets = positive(json, "relative_attention_num_buckets", c.buckets);
    c.distance = positive(json, "relative_attention_max_distance", c.distance);
    c.eps = epsilon(json, "layer_norm_epsilon", 1e-6);
    if (c.head_width > 512)
        throw ResultError(json.error(
            "d_kv", "a head is at most 512 wide, found " + std::to_string(c.head_width)));
    if (c.buckets % 4 || c.distance <= c.buckets / 4)
        throw ResultError(json.error(
            "relative_attention_num_buckets",
            "expected a multiple of four below four times relative_attention_max_distance " +
                std::to_string(c.distance) + ", found " + std::to_string(c.buckets)));
    const std::string shape = take(json.string("feed_forward_proj", "relu"));
    const std::string function = shape.substr(shape.starts_with("gated-") ? 6 : 0);
    c.gated = function != shape;
    const nlohmann::json named{
        {"feed_forward_proj", shape == "gated-gelu" ? "gelu_new" : function}};
    c.activation = activation(JsonObject(named, json.where()), "feed_forward_proj", "relu");
    return c;
}

Scope embedding_of(const Scope& s) {   // one table under either name, or under both
    return s.has("shared.weight") ? s / "shared" : s / "encoder.embed_tokens";
}

}   // namespace

Result<T5Config> parse_t5_config(const JsonObject& json) { return parse_config(json, t5_config); }

int T5Config::bucket(int relative) const {
    const int half = buckets / 2, near = half / 2, away = std::abs(relative);
    const int after = relative > 0 ? half : 0;
    if (away < near) return after + away;
    // In single precision, as published: a boundary may fall on either side of it.
    const float octave = float(std::log(double(distance) / near));
    const float share = std::log(float(away) / float(near)) / octave * float(half - near);
    return after + std::min(near + int(share), half - 1);
}

T5Encoder::T5Encoder(Scope s, const T5Config& c)
    : config(c),
      tokens(embedding_of(s), c.vocabulary, c.width),
      biases(s / "encoder.block.0.layer.0.SelfAttention.relative_attention_bias", c.buckets,
             c.heads),
      final_norm(s / "encoder.final_layer_norm", c.width, c.eps) {
    for (int i = 0; i < c.layers; i++) {
        attentions.emplace_back(s / "encoder.block" / i / "layer.0", c);
        feed_forwards.emplace_back(s / "encoder.block" / i / "layer.1", c);
    }
}

Tensor T5Encoder::operator()(const Tensor& ids, const Tensor& mask) const {
    const int length = int(ids[1]);
    std::vector<int32_t> buckets;
    for (int query = 0; query < length; query++)
        for (int key = 0; key < length; key++) buckets.push_back(config.bucket(key - query));
    const Tensor by_pair = biases(constant_i32({length, length}, buckets));   // [s, s, heads]
    Tensor bias = reshape(permute(by_pair, {2, 0, 1}), {1, config.heads, length, length});
    if (mask) bias = bias + hide_padding(mask);

    Tensor x = tokens(ids);
    for (size_t i = 0; i < attentions.size(); i++) x = feed_forwards[i](attentions[i](x, bias));
    return final_norm(x);
}

}   // namespace kiln
