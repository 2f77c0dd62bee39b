#include "modalities/text/clap_text.h"

#include <cfloat>

#include "runtime/nn/model_config.h"

namespace kiln {
namespace {

ClapTextConfig clap_text_config(const JsonObject& file) {
    const ClapTower tower = clap_tower(file, "text_config");
    const JsonObject& json = tower.json;
    ClapTextConfig c;
    c.vocabulary = positive(json, "vocab_size", c.vocabulary);
    c.positions = positive(json, "max_position_embeddings", c.positions);
    c.types = positive(json, "type_vocab_size", c.types);
    c.width = positive(json, "hidden_size", c.width);
    c.hidden = positive(json, "intermediate_size", c.hidden);
    c.layers = positive(json, "num_hidden_layers", c.layers);
    c.heads = positive(json, "num_attention_heads", c.heads);
    c.eps = epsilon(json, "layer_norm_eps", 1e-12);
    c.activation = activation(json, "hidden_act", "gelu");
    one_of(json, "position_embedding_type", {"absolute"});
    require(json, "is_decoder", false);
    require_whole_heads(json, "num_attention_heads", c.heads, "hidden_size", c.width);
    const int64_t pad = take(json.integer("pad_token_id", c.pad_token));
    if (pad < 0 || pad >= c.vocabulary || pad + 1 >= c.positions)
        throw ResultError(json.error("pad_token_id", "out of range: " + std::to_string(pad)));
    c.pad_token = int(pad);
    c.projection = tower.projection;
    c.projection_activation = tower.activation;
    return c;
}

}   // namespace

ClapTower clap_tower(const JsonObject& file, std::string_view key) {
    if (!file.has(key))
        return {file, positive(file, "projection_dim", 512),
                activation(file, "projection_hidden_act", "relu")};
    const JsonObject tower = take(file.object(key));
    const auto said_by = [&](std::string_view name) { return file.has(name) ? file : tower; };
    return {tower, positive(said_by("projection_dim"), "projection_dim", 512),
            activation(said_by("projection_hidden_act"), "projection_hidden_act", "relu")};
}

Result<ClapTextConfig> parse_clap_text_config(const JsonObject& json) {
    return parse_config(json, clap_text_config);
}

std::vector<int32_t> ClapTextConfig::position_ids(std::span<const int32_t> tokens) const {
    std::vector<int32_t> ids;
    int32_t position = pad_token;
    for (int32_t token : tokens) ids.push_back(token == pad_token ? pad_token : ++position);
    return ids;
}

ClapText::ClapText(Scope root, Scope s, const ClapTextConfig& c)
    : config(c),
      tokens(s / "embeddings.word_embeddings", c.vocabulary, c.width),
      positions(s / "embeddings.position_embeddings", c.positions, c.width),
      types(s / "embeddings.token_type_embeddings", c.types, c.width),
      norm(s / "embeddings.LayerNorm", c.width, c.eps),
      pooler(s / "pooler.dense", c.width, c.width),
      projection1(root / "text_projection.linear1", c.width, c.projection),
      projection2(root / "text_projection.linear2", c.projection, c.projection) {
    for (int i = 0; i < c.layers; i++) layers.emplace_back(s / "encoder.layer" / i, c);
}

Tensor ClapText::operator()(const Tensor& ids, const Tensor& position_ids,
                            const Tensor& mask) const {
    if (ids[1] > config.length())
        throw ModelError("[clap text] " + std::to_string(ids[1]) + " tokens, of at most " +
                         std::to_string(config.length()));
    const Tensor first_type = types(constant_i32({1, 1}, {0}));
    Tensor x = norm(tokens(ids) + first_type + positions(position_ids));
    const Tensor hidden_keys = hide_padding(mask, ids[1]);
    for (const ClapTextLayer& layer : layers) x = layer(x, hidden_keys);
    return x;
}

Tensor ClapText::features(const Tensor& states) const {
    const Tensor first = reshape(slice(states, 1, 0, 1), {states[0], config.width});
    const Tensor pooled = pooler(first, Activation::tanh);
    return projection2(projection1(pooled, config.projection_activation));
}

Tensor ClapText::embedding(const Tensor& states) const { return unit_vectors(features(states)); }

Tensor unit_vectors(const Tensor& x) {
    return x / clamp(sqrt(sum(square(x), {x.rank() - 1})), 1e-12f, FLT_MAX);
}

NameMap clap_text_names(const std::vector<std::string>& names, std::string_view prefix) {
    static constexpr std::pair<std::string_view, std::string_view> kParts[] = {
        {"text_branch.", "text_model."},
        {"text_projection.0.", "text_projection.linear1."},
        {"text_projection.2.", "text_projection.linear2."}};
    NameMap map;
    for (const std::string& name : names) {
        if (!name.starts_with(prefix)) continue;
        const std::string_view rest = std::string_view(name).substr(prefix.size());
        for (const auto& [theirs, ours] : kParts)
            if (rest.starts_with(theirs))
                map[std::string(ours) + std::string(rest.substr(theirs.size()))] = {name};
    }
    return map;
}

}   // namespace kiln
