#include "modalities/text/gpt2.h"

#include <cmath>
#include <numeric>

#include "runtime/nn/model_config.h"

namespace kiln {
namespace {

Gpt2Config gpt2_config(const JsonObject& json) {
    one_of(json, "model_type", {"gpt2"});
    Gpt2Config c;
    c.positions = positive(json, "n_positions", c.positions);
    c.width = positive(json, "n_embd", c.width);
    c.layers = positive(json, "n_layer", c.layers);
    c.heads = positive(json, "n_head", c.heads);
    c.hidden = positive(json, "n_inner", 4 * c.width);
    c.generated = positive(json, "max_new_tokens", c.generated);
    c.activation = activation(json, "activation_function", "gelu_new");
    c.eps = epsilon(json, "layer_norm_epsilon", 1e-5);
    c.scaled = take(json.boolean("scale_attn_weights", true));
    c.scaled_by_layer = take(json.boolean("scale_attn_by_inverse_layer_idx", false));
    require(json, "add_cross_attention", false);
    require_whole_heads(json, "n_head", c.heads, "n_embd", c.width);
    return c;
}

}   // namespace

Result<Gpt2Config> parse_gpt2_config(const JsonObject& json) {
    return parse_config(json, gpt2_config);
}

float Gpt2Config::scale(int layer) const {
    const double by_width = scaled ? 1 / std::sqrt(double(width) / heads) : 1;
    return float(scaled_by_layer ? by_width / (layer + 1) : by_width);
}

Gpt2::Gpt2(Scope s, const Gpt2Config& c)
    : config(c),
      positions(s / "wpe", c.positions, c.width),
      final_norm(s / "ln_f", c.width, c.eps) {
    for (int i = 0; i < c.layers; i++) layers.emplace_back(s / "h" / i, c, i);
}

// The last state after x [n, s, width]. [n, 1, width].
Tensor Gpt2::next(Tensor x, const Tensor& position, std::vector<Gpt2Layer::KeyValues>& past,
                  const Tensor& bias) const {
    x = x + position;
    for (size_t i = 0; i < layers.size(); i++) x = layers[i](x, past[i], bias);
    return final_norm(slice(x, 1, x[1] - 1, x[1]));
}

Tensor Gpt2::generate(const Tensor& embeddings, const Tensor& mask, int count,
                      Tensor position_ids) const {
    const int64_t n = embeddings[0], length = embeddings[1], all = length + count - 1;
    if (count < 1 || (!position_ids && all > config.positions))
        throw ModelError("[gpt2] " + std::to_string(count) + " states after " +
                         std::to_string(length) + ", of at most " +
                         std::to_string(config.positions));
    if (!position_ids) {
        std::vector<int32_t> ids(static_cast<size_t>(all));
        std::iota(ids.begin(), ids.end(), 0);
        position_ids = constant_i32({1, all}, ids);
    }
    const Tensor embedded = positions(position_ids);
    const auto at = [&](int64_t begin, int64_t end) { return slice(embedded, 1, begin, end); };
    std::vector<Gpt2Layer::KeyValues> past(layers.size());
    std::vector<Tensor> states = {
        next(embeddings, at(0, length), past, hide_padding(mask, length))};
    for (int i = 1; i < count; i++) {
        const std::vector<float> seen(size_t(n * i), 0.0f);
        const Tensor bias = concat({hide_padding(mask), constant({n, 1, 1, i}, seen)}, 3);
        states.push_back(next(states.back(), at(length + i - 1, length + i), past, bias));
    }
    return concat(states, 1);
}

NameMap gpt2_names(const std::vector<std::string>& names) {
    constexpr std::string_view kPrefix = "transformer.";
    NameMap map;
    for (const std::string& name : names) {
        const std::string ours = name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
        const bool matrix =
            ours.starts_with("h.") && ours.ends_with(".weight") &&
            (ours.find(".attn.c_") != ours.npos || ours.find(".mlp.c_") != ours.npos);
        map[ours] = {.name = name, .transposed = matrix};
    }
    return map;
}

}   // namespace kiln
