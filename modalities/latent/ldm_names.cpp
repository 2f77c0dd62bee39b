#include "modalities/latent/ldm_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace kiln {
namespace {

using Renames = std::vector<std::pair<std::string_view, std::string_view>>;

// Eats `word` at the front of `rest`.
bool eat(std::string_view& rest, std::string_view word) {
    if (!rest.starts_with(word)) return false;
    rest.remove_prefix(word.size());
    return true;
}

// Eats a number and the dot after it.
std::optional<int> eat_number(std::string_view& rest) {
    int value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    const size_t length = size_t(end - rest.data());
    if (error != std::errc() || value < 0 || length >= rest.size() || rest[length] != '.')
        return {};
    rest.remove_prefix(length + 1);
    return value;
}

// The first entry whose left side begins `rest` replaces it.
std::optional<std::string> renamed(std::string_view rest, const Renames& renames) {
    for (const auto& [from, to] : renames)
        if (eat(rest, from)) return std::string(to) + std::string(rest);
    return {};
}

const Renames kResBlock = {
    {"in_layers.0.", "norm1."},          {"in_layers.2.", "conv1."},
    {"emb_layers.1.", "time_emb_proj."}, {"out_layers.0.", "norm2."},
    {"out_layers.3.", "conv2."},         {"skip_connection.", "conv_shortcut."}};

const Renames kUNetEnds = {{"time_embed.0.", "time_embedding.linear_1."},
                           {"time_embed.2.", "time_embedding.linear_2."},
                           {"time_embed.cond_proj.", "time_embedding.cond_proj."},
                           {"film_emb.", "class_embedding."},
                           {"label_emb.0.0.", "add_embedding.linear_1."},
                           {"label_emb.0.2.", "add_embedding.linear_2."},
                           {"out.0.", "conv_norm_out."},
                           {"out.2.", "conv_out."}};

std::string path(std::string_view blocks, int block, std::string_view list, int index) {
    return std::string(blocks) + "." + std::to_string(block) + "." + std::string(list) + "." +
           std::to_string(index) + ".";
}

// What follows input_blocks.n or output_blocks.n: a residual block first, then perhaps a
// transformer, then perhaps the convolution that changes the size.
std::optional<std::string> stage_name(std::string_view rest, std::string_view blocks, int block,
                                      int layer) {
    const auto position = eat_number(rest);
    if (!position) return {};
    if (eat(rest, "op."))
        return path(blocks, block, "downsamplers", 0) + "conv." + std::string(rest);
    if (eat(rest, "conv."))
        return path(blocks, block, "upsamplers", 0) + "conv." + std::string(rest);
    if (*position > 0) return path(blocks, block, "attentions", layer) + std::string(rest);
    const auto inner = renamed(rest, kResBlock);
    return inner ? std::optional(path(blocks, block, "resnets", layer) + *inner) : std::nullopt;
}

// The middle is residual block, transformer, residual block.
std::optional<std::string> middle_name(std::string_view rest) {
    const auto position = eat_number(rest);
    if (!position) return {};
    if (*position == 1 && !rest.starts_with("in_layers") && !rest.starts_with("out_layers") &&
        !rest.starts_with("emb_layers"))
        return "mid_block.attentions.0." + std::string(rest);
    const auto inner = renamed(rest, kResBlock);
    return inner
               ? std::optional("mid_block.resnets." + std::to_string(*position / 2) + "." + *inner)
               : std::nullopt;
}

std::optional<std::string> unet_name(std::string_view rest, int layers) {
    if (auto end = renamed(rest, kUNetEnds)) return end;
    if (eat(rest, "input_blocks.0.0.")) return "conv_in." + std::string(rest);
    if (eat(rest, "middle_block.")) return middle_name(rest);
    const bool down = eat(rest, "input_blocks.");
    if (!down && !eat(rest, "output_blocks.")) return {};
    const auto n = eat_number(rest);
    if (!n) return {};
    const int i = down ? *n - 1 : *n;
    return stage_name(rest, down ? "down_blocks" : "up_blocks", i / (layers + 1), i % (layers + 1));
}

// Residual blocks a level: the first downsampler stands right after those of level 0.
int layers_of(const std::vector<std::string>& names, std::string_view prefix) {
    for (int n = 1; n < 32; n++) {
        const std::string op =
            std::string(prefix) + "input_blocks." + std::to_string(n) + ".0.op.weight";
        if (std::find(names.begin(), names.end(), op) != names.end()) return n - 1;
    }
    return 2;
}

const Renames kVaeMid = {{"block_1.", "resnets.0."},
                         {"block_2.", "resnets.1."},
                         {"attn_1.norm.", "attentions.0.group_norm."},
                         {"attn_1.q.", "attentions.0.to_q."},
                         {"attn_1.k.", "attentions.0.to_k."},
                         {"attn_1.v.", "attentions.0.to_v."},
                         {"attn_1.proj_out.", "attentions.0.to_out.0."}};

std::string with_shortcut(std::string name) {
    if (const size_t at = name.find("nin_shortcut"); at != std::string::npos)
        name.replace(at, 12, "conv_shortcut");
    return name;
}

std::optional<std::string> vae_half_name(std::string_view rest, const std::string& half,
                                         int levels) {
    if (eat(rest, "mid.")) {
        const auto inner = renamed(rest, kVaeMid);
        return inner ? std::optional(half + ".mid_block." + *inner) : std::nullopt;
    }
    if (eat(rest, "norm_out.")) return half + ".conv_norm_out." + std::string(rest);
    if (rest.starts_with("conv_in.") || rest.starts_with("conv_out."))
        return half + "." + std::string(rest);
    const bool down = eat(rest, "down.");
    if (!down && !eat(rest, "up.")) return {};
    const auto level = eat_number(rest);
    if (!level) return {};
    const std::string here = half +
                             (down ? ".down_blocks." + std::to_string(*level)
                                   : ".up_blocks." + std::to_string(levels - 1 - *level)) +
                             ".";
    if (eat(rest, "block.")) return with_shortcut(here + "resnets." + std::string(rest));
    if (eat(rest, "downsample.conv.")) return here + "downsamplers.0.conv." + std::string(rest);
    if (eat(rest, "upsample.conv.")) return here + "upsamplers.0.conv." + std::string(rest);
    return {};
}

std::optional<std::string> vae_name(std::string_view rest, int levels) {
    if (rest.starts_with("quant_conv.") || rest.starts_with("post_quant_conv."))
        return std::string(rest);
    if (eat(rest, "encoder.")) return vae_half_name(rest, "encoder", levels);
    if (eat(rest, "decoder.")) return vae_half_name(rest, "decoder", levels);
    return {};
}

int vae_levels(const std::vector<std::string>& names, std::string_view prefix) {
    int levels = 0;
    for (std::string_view rest : names)
        if (eat(rest, prefix) && eat(rest, "decoder.up."))
            if (const auto level = eat_number(rest)) levels = std::max(levels, *level + 1);
    return levels;
}

const Renames kOpenClip = {{"token_embedding.", "embeddings.token_embedding."},
                           {"ln_final.", "final_layer_norm."}};
const Renames kOpenClipLayer = {{"ln_1.", "layer_norm1."},
                                {"ln_2.", "layer_norm2."},
                                {"attn.out_proj.", "self_attn.out_proj."},
                                {"mlp.c_fc.", "mlp.fc1."},
                                {"mlp.c_proj.", "mlp.fc2."}};

void add_openclip(NameMap& map, const std::string& name, std::string_view rest) {
    if (rest == "positional_embedding") map["embeddings.position_embedding.weight"] = {name};
    if (rest == "text_projection")
        map["text_projection.weight"] = {.name = name, .transposed = true};
    if (rest == "text_projection.weight") map["text_projection.weight"] = {name};
    if (const auto end = renamed(rest, kOpenClip)) map[*end] = {name};
    if (!eat(rest, "transformer.resblocks.")) return;
    const auto layer = eat_number(rest);
    if (!layer) return;
    const std::string here = "encoder.layers." + std::to_string(*layer) + ".";
    if (const auto inner = renamed(rest, kOpenClipLayer)) map[here + *inner] = {name};
    if (!eat(rest, "attn.in_proj_")) return;
    constexpr std::array parts = {"q_proj.", "k_proj.", "v_proj."};
    for (int i = 0; i < 3; i++)
        map[here + "self_attn." + parts[size_t(i)] + std::string(rest)] = {
            .name = name, .part = i, .parts = 3};
}

}   // namespace

NameMap ldm_unet_names(const std::vector<std::string>& names, std::string_view prefix) {
    NameMap map;
    const int layers = layers_of(names, prefix);
    for (const std::string& name : names) {
        std::string_view rest = name;
        if (!eat(rest, prefix)) continue;
        if (const auto target = unet_name(rest, layers)) map[*target] = {name};
    }
    return map;
}

NameMap ldm_vae_names(const std::vector<std::string>& names, std::string_view prefix) {
    NameMap map;
    const int levels = vae_levels(names, prefix);
    for (const std::string& name : names) {
        std::string_view rest = name;
        if (!eat(rest, prefix)) continue;
        if (const auto target = vae_name(rest, levels)) map[*target] = {name};
    }
    return map;
}

NameMap hf_text_names(const std::vector<std::string>& names, std::string_view prefix) {
    NameMap map;
    for (const std::string& name : names) {
        std::string_view rest = name;
        if (!eat(rest, prefix)) continue;
        eat(rest, "text_model.");
        map[std::string(rest)] = {name};
    }
    return map;
}

NameMap openclip_text_names(const std::vector<std::string>& names, std::string_view prefix) {
    NameMap map;
    for (const std::string& name : names) {
        std::string_view rest = name;
        if (eat(rest, prefix)) add_openclip(map, name, rest);
    }
    return map;
}

}   // namespace kiln
