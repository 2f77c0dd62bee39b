#include "modalities/latent/config.h"

#include <algorithm>

#include "runtime/nn/model_config.h"

namespace kiln {
namespace {

using Json = nlohmann::json;

constexpr int kMost = 1 << 16;   // channels, layers, widths

void must_be_off(const JsonObject& json, std::initializer_list<std::string_view> keys) {
    for (std::string_view key : keys) {
        if (!json.has(key)) continue;
        const Json& value = json.value().at(std::string(key));
        if (value != Json(false))
            throw ResultError(json.error(key, describe(value) + " is not supported"));
    }
}

void must_be_one(const JsonObject& json, std::initializer_list<std::string_view> keys) {
    for (std::string_view key : keys)
        if (take(json.number(key, 1.0)) != 1.0)
            throw ResultError(json.error(key, "only 1 is supported"));
}

std::vector<bool> flags_a_level(const JsonObject& json, std::string_view key, size_t levels) {
    if (!json.has(key)) return std::vector<bool>(levels, false);
    const Json& value = json.value().at(std::string(key));
    if (value.is_boolean()) return std::vector<bool>(levels, value.get<bool>());
    std::vector<bool> flags;
    for (const Json& flag : value) {
        if (!flag.is_boolean())
            throw ResultError(json.error(key, "expected true or false a level"));
        flags.push_back(flag.get<bool>());
    }
    if (flags.size() != levels) throw ResultError(json.error(key, "expected one entry a level"));
    return flags;
}

// Which levels have transformers, from the names of their blocks.
std::vector<bool> attention_of(const JsonObject& json, std::string_view key,
                               const std::string& stem, std::vector<std::string> otherwise) {
    std::vector<bool> flags;
    for (const std::string& name : take(json.strings(key, std::move(otherwise)))) {
        if (name != stem && name != "CrossAttn" + stem)
            throw ResultError(json.error(
                key, "expected " + stem + " or CrossAttn" + stem + "; found " + describe(name)));
        flags.push_back(name != stem);
    }
    return flags;
}

// Transformer blocks of every layer of one level: a number for all layers, or one a layer.
std::vector<int> depths_of(const JsonObject& json, std::string_view key, const Json& value,
                           size_t layers) {
    std::vector<int> depths;
    if (value.is_number_integer()) depths.assign(layers, value.get<int>());
    if (value.is_array())
        for (const Json& depth : value)
            if (depth.is_number_integer()) depths.push_back(depth.get<int>());
    if (depths.size() != layers ||
        std::any_of(depths.begin(), depths.end(), [](int d) { return d < 0 || d > 1000; }))
        throw ResultError(
            json.error(key, "expected a depth a level, or one a layer; found " + describe(value)));
    return depths;
}

void read_depths(const JsonObject& json, UNetConfig& c) {
    constexpr std::string_view down_key = "transformer_layers_per_block";
    constexpr std::string_view up_key = "reverse_transformer_layers_per_block";
    const Json one = 1;
    const Json& down = json.has(down_key) ? json.value().at(std::string(down_key)) : one;
    const Json& up = json.has(up_key) ? json.value().at(std::string(up_key)) : down;
    const bool mirrored = !json.has(up_key);
    const size_t levels = c.channels.size();
    for (const Json* list : {&down, &up})
        if (list->is_array() && list->size() != levels)
            throw ResultError(json.error(down_key, "expected an entry a level"));
    const auto entry = [](const Json& list, size_t i) -> const Json& {
        return list.is_array() ? list[i] : list;
    };
    for (size_t i = 0; i < levels; i++) {
        c.down_depth.push_back(depths_of(json, down_key, entry(down, i), size_t(c.layers[i])));
        const size_t level = levels - 1 - i;
        c.up_depth.push_back(
            depths_of(json, up_key, entry(up, mirrored ? level : i), size_t(c.layers[level]) + 1));
    }
    const Json& last = entry(down, levels - 1);
    c.mid_depth = depths_of(json, down_key, last, last.is_array() ? last.size() : 1);
}

void read_embeddings(const JsonObject& json, UNetConfig& c) {
    one_of(json, "time_embedding_type", {"positional"});
    c.time_width = positive(json, "time_embedding_dim", 4 * c.channels[0], kMost);
    c.flip_sin_to_cos = take(json.boolean("flip_sin_to_cos", true));
    c.freq_shift = real(json, "freq_shift", 0.0);
    if (json.has("time_cond_proj_dim"))
        c.guidance_width = positive(json, "time_cond_proj_dim", 0, kMost);
    if (json.has("projection_class_embeddings_input_dim"))
        c.projection_width = positive(json, "projection_class_embeddings_input_dim", 0, kMost);

    const std::string kind = one_of(
        json, "class_embed_type", {"", "timestep", "projection", "simple_projection", "identity"});
    if (kind == "timestep") c.class_embedding = ClassEmbedding::timestep;
    if (kind == "projection") c.class_embedding = ClassEmbedding::projection;
    if (kind == "simple_projection") c.class_embedding = ClassEmbedding::linear;
    if (kind == "identity") c.class_embedding = ClassEmbedding::identity;
    if (kind.empty() && json.has("num_class_embeds")) {
        c.class_embedding = ClassEmbedding::table;
        c.class_count = positive(json, "num_class_embeds", 0, kMost);
    }
    c.concatenates_class = take(json.boolean("class_embeddings_concat", false));
    if (c.concatenates_class && c.class_embedding == ClassEmbedding::none)
        throw ResultError(json.error("class_embeddings_concat", "there is no class embedding"));
    if (c.concatenates_class && json.has("addition_embed_type"))
        throw ResultError(json.error("class_embeddings_concat",
                                     "not supported together with addition_embed_type"));
    if (one_of(json, "addition_embed_type", {"", "text_time"}) == "text_time")
        c.addition_time_width = positive(json, "addition_time_embed_dim", 256, kMost);
    const bool needs_width = kind.ends_with("projection") || c.addition_time_width;
    if (needs_width && !c.projection_width)
        throw ResultError(json.error("projection_class_embeddings_input_dim", "missing"));
}

void check_divisible(const JsonObject& json, const UNetConfig& c) {
    for (size_t i = 0; i < c.channels.size(); i++) {
        if (c.channels[i] % c.norm_groups)
            throw ResultError(
                json.error("norm_num_groups", std::to_string(c.norm_groups) + " does not divide " +
                                                  std::to_string(c.channels[i]) + " channels"));
        if (c.channels[i] % c.heads[i])
            throw ResultError(json.error("attention_head_dim",
                                         std::to_string(c.heads[i]) + " heads do not divide " +
                                             std::to_string(c.channels[i]) + " channels"));
    }
}

// AudioLDM 2 lists what the transformers of a layer look at, for every level: null is x itself.
void read_contexts(const JsonObject& json, UNetConfig& c) {
    constexpr std::string_view key = "cross_attention_dim";
    const size_t levels = c.channels.size(), most = 4;
    const Json found = json.has(key) ? json.value().at(std::string(key)) : Json();
    const bool listed = found.is_array() && !found.empty() && found[0].is_array();
    if (!listed) {
        c.context = a_level(json, key, levels, 1280);
        return;
    }
    if (found.size() != levels) throw ResultError(json.error(key, "expected one entry a level"));
    for (const Json& chain : found) {
        if (!chain.is_array() || chain.empty() || chain.size() > most)
            throw ResultError(json.error(key, "expected 1 to 4 widths a level"));
        std::vector<int>& widths = c.chains.emplace_back();
        for (const Json& width : chain) {
            const bool fits = width.is_number_integer() && width.get<int64_t>() >= 1 &&
                              width.get<int64_t>() <= 1 << 16;
            if (!fits && !width.is_null())
                throw ResultError(
                    json.error(key, "expected a width or null; found " + describe(width)));
            widths.push_back(fits ? width.get<int>() : 0);
        }
        c.context.push_back(widths[0] || widths.size() < 2 ? widths[0] : widths[1]);
    }
}

UNetConfig unet_config(const JsonObject& json) {
    UNetConfig c;
    c.in_channels = positive(json, "in_channels", 4, kMost);
    c.out_channels = positive(json, "out_channels", 4, kMost);
    c.down_attention = attention_of(
        json, "down_block_types", "DownBlock2D",
        {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"});
    c.up_attention = attention_of(
        json, "up_block_types", "UpBlock2D",
        {"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"});
    const size_t levels = c.down_attention.size();
    if (levels < 1 || levels > 16 || c.up_attention.size() != levels)
        throw ResultError(json.error("up_block_types", "expected as many as down_block_types"));
    const std::vector<int64_t> channels =
        take(json.integers("block_out_channels", std::vector<int64_t>{320, 640, 1280, 1280}));
    if (channels.size() != levels)
        throw ResultError(json.error("block_out_channels", "expected one entry a level"));
    c.channels = a_level(json, "block_out_channels", levels, 320);
    c.layers = a_level(json, "layers_per_block", levels, 2);
    // The key holds the number of heads: a misnomer that published files have kept.
    c.heads = a_level(
        json, json.has("num_attention_heads") ? "num_attention_heads" : "attention_head_dim",
        levels, 8);
    read_contexts(json, c);
    c.only_cross_attention = flags_a_level(json, "only_cross_attention", levels);
    c.norm_groups = positive(json, "norm_num_groups", 32, kMost);
    c.norm_eps = real(json, "norm_eps", 1e-5);
    c.conv_in_kernel = positive(json, "conv_in_kernel", 3, 31);
    c.conv_out_kernel = positive(json, "conv_out_kernel", 3, 31);
    c.center_input = take(json.boolean("center_input_sample", false));
    read_depths(json, c);
    const bool no_mid =
        json.value().contains("mid_block_type") && json.value().at("mid_block_type").is_null();
    const std::string mid =
        no_mid ? "" : one_of(json, "mid_block_type", {"UNetMidBlock2DCrossAttn", "UNetMidBlock2D"});
    c.has_mid = !no_mid;
    if (mid != "UNetMidBlock2DCrossAttn") c.mid_depth.clear();
    read_embeddings(json, c);

    one_of(json, "act_fn", {"silu", "swish"});
    one_of(json, "resnet_time_scale_shift", {"default"});
    one_of(json, "attention_type", {"default"});
    must_be_one(json, {"downsample_padding", "mid_block_scale_factor", "resnet_out_scale_factor"});
    must_be_off(json, {"dual_cross_attention", "resnet_skip_time_act", "encoder_hid_dim",
                       "encoder_hid_dim_type", "cross_attention_norm", "time_embedding_act_fn",
                       "timestep_post_act"});
    check_divisible(json, c);
    return c;
}

std::vector<float> floats_a_channel(const JsonObject& json, std::string_view key, int channels) {
    if (!json.has(key)) return {};
    const std::vector<double> values = take(json.numbers(key));
    if (values.size() != size_t(channels))
        throw ResultError(json.error(key, "expected one number a latent channel"));
    return {values.begin(), values.end()};
}

VaeConfig vae_config(const JsonObject& json) {
    VaeConfig c;
    for (const auto& [key, block] : {std::pair{"down_block_types", "DownEncoderBlock2D"},
                                     {"up_block_types", "UpDecoderBlock2D"}})
        for (const std::string& name : take(json.strings(key, std::vector<std::string>{block})))
            if (name != block)
                throw ResultError(json.error(
                    key, "expected " + std::string(block) + "; found " + describe(name)));
    const size_t levels =
        take(json.strings("down_block_types", std::vector<std::string>{"DownEncoderBlock2D"}))
            .size();
    c.channels = a_level(json, "block_out_channels", levels, 64);
    c.in_channels = positive(json, "in_channels", 3, kMost);
    c.out_channels = positive(json, "out_channels", 3, kMost);
    c.latent_channels = positive(json, "latent_channels", 4, kMost);
    c.layers = positive(json, "layers_per_block", 1, 64);
    c.norm_groups = positive(json, "norm_num_groups", 32, kMost);
    c.scale = real(json, "scaling_factor", 0.18215);
    c.shift = real(json, "shift_factor", 0.0);
    c.latents_mean = floats_a_channel(json, "latents_mean", c.latent_channels);
    c.latents_std = floats_a_channel(json, "latents_std", c.latent_channels);
    if (c.latents_mean.size() != c.latents_std.size())
        throw ResultError(json.error("latents_std", "expected together with latents_mean"));
    c.quant_conv = take(json.boolean("use_quant_conv", true));
    c.post_quant_conv = take(json.boolean("use_post_quant_conv", true));
    c.mid_attention = take(json.boolean("mid_block_add_attention", true));
    c.force_upcast = take(json.boolean("force_upcast", true));
    one_of(json, "act_fn", {"silu", "swish"});
    for (int channels : c.channels)
        if (channels % c.norm_groups)
            throw ResultError(
                json.error("norm_num_groups", std::to_string(c.norm_groups) + " does not divide " +
                                                  std::to_string(channels) + " channels"));
    return c;
}

}   // namespace

Result<UNetConfig> parse_unet_config(const JsonObject& json) {
    return parse_config(json, unet_config);
}

Result<VaeConfig> parse_vae_config(const JsonObject& json) {
    return parse_config(json, vae_config);
}

}   // namespace kiln
