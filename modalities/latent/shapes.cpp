#include "modalities/latent/shapes.h"

namespace kiln {
namespace {

Shape must(const ShapeOf& shape, const std::string& name, int rank, const std::string& where) {
    const auto found = shape(name);
    if (!found)
        throw ResultError({Status::bad_file, where + ": tensor \"" + name + "\" is missing"});
    if (found->rank() < rank)
        throw ResultError(
            {Status::bad_file, where + ": tensor \"" + name + "\" has shape " + to_string(*found)});
    return *found;
}

// How many of prefix0suffix, prefix1suffix, ... there are.
int count_of(const ShapeOf& shape, const std::string& prefix, const std::string& suffix) {
    int count = 0;
    while (shape(prefix + std::to_string(count) + suffix)) count++;
    return count;
}

int depth_of(const ShapeOf& shape, const std::string& attention) {
    return count_of(shape, attention + ".transformer_blocks.", ".norm1.weight");
}

// The context width of the first transformer that there is; 0: all look at themselves only, and
// those of different levels at different widths.
int context_of(const ShapeOf& shape, const std::string& where) {
    int first = 0;
    for (int level = 0; level < 8; level++) {
        const auto k = shape("down_blocks." + std::to_string(level) +
                             ".attentions.0.transformer_blocks.0.attn2.to_k.weight");
        if (!k || k->rank() < 2) continue;
        if (first && first != (*k)[1]) return 0;
        first = int((*k)[1]);
    }
    if (first) return first;
    throw ResultError({Status::bad_file, where + ": a U-Net without attention"});
}

// Heads of a level, which shapes do not tell: see unet_config_from.
int heads_of(int context, int width, int narrowest) {
    if (context == 768) return 8;
    const int each = context || narrowest >= 256 ? 64 : 32;
    return std::max(1, width / each);
}

// A label's projection beside the time embedding, as AudioLDM has it.
void read_label(const ShapeOf& shape, const std::string& where, UNetConfig& c) {
    const auto label = shape("class_embedding.weight");
    if (!label || label->rank() < 2) return;
    c.class_embedding = ClassEmbedding::linear;
    c.projection_width = int((*label)[1]);
    const Shape block = must(shape, "mid_block.resnets.0.time_emb_proj.weight", 2, where);
    c.concatenates_class = block[1] == 2 * c.time_width;
}

}   // namespace

UNetConfig unet_config_from(const ShapeOf& shape, const std::string& where) {
    UNetConfig c;
    const Shape first = must(shape, "conv_in.weight", 4, where);
    c.in_channels = int(first[1]);
    c.conv_in_kernel = int(first[2]);
    const Shape last = must(shape, "conv_out.weight", 4, where);
    c.out_channels = int(last[0]);
    c.conv_out_kernel = int(last[2]);
    const int levels = count_of(shape, "down_blocks.", ".resnets.0.conv1.weight");
    const int context = context_of(shape, where);
    for (int level = 0; level < levels; level++) {
        const std::string here = "down_blocks." + std::to_string(level) + ".";
        const int width = int(must(shape, here + "resnets.0.conv1.weight", 4, where)[0]);
        c.channels.push_back(width);
        c.layers.push_back(count_of(shape, here + "resnets.", ".conv1.weight"));
        c.heads.push_back(heads_of(context, width, c.channels[0]));
        c.context.push_back(context);
        c.only_cross_attention.push_back(false);
        std::vector<int>& depths = c.down_depth.emplace_back();
        for (int i = 0; i < c.layers.back(); i++)
            depths.push_back(depth_of(shape, here + "attentions." + std::to_string(i)));
        c.down_attention.push_back(shape(here + "attentions.0.norm.weight").has_value());
    }
    for (int i = 0; i < levels; i++) {
        const std::string here = "up_blocks." + std::to_string(i) + ".attentions.";
        std::vector<int>& depths = c.up_depth.emplace_back();
        for (int j = 0; j <= c.layers[size_t(levels - 1 - i)]; j++)
            depths.push_back(depth_of(shape, here + std::to_string(j)));
        c.up_attention.push_back(shape(here + "0.norm.weight").has_value());
    }
    c.has_mid = shape("mid_block.resnets.0.conv1.weight").has_value();
    if (const int depth = depth_of(shape, "mid_block.attentions.0")) c.mid_depth = {depth};
    c.time_width = int(must(shape, "time_embedding.linear_1.weight", 2, where)[0]);
    if (const auto guidance = shape("time_embedding.cond_proj.weight"))
        c.guidance_width = int((*guidance)[1]);
    if (const auto addition = shape("add_embedding.linear_1.weight")) {
        c.projection_width = int((*addition)[1]);
        c.addition_time_width = 256;
    }
    read_label(shape, where, c);
    return c;
}

VaeConfig vae_config_from(const ShapeOf& shape, const std::string& where) {
    VaeConfig c;
    const Shape first = must(shape, "encoder.conv_in.weight", 4, where);
    c.in_channels = int(first[1]);
    c.out_channels = int(must(shape, "decoder.conv_out.weight", 4, where)[0]);
    c.latent_channels = int(must(shape, "decoder.conv_in.weight", 4, where)[1]);
    const int levels = count_of(shape, "encoder.down_blocks.", ".resnets.0.conv1.weight");
    for (int level = 0; level < levels; level++)
        c.channels.push_back(int(
            must(shape, "encoder.down_blocks." + std::to_string(level) + ".resnets.0.conv1.weight",
                 4, where)[0]));
    c.layers = count_of(shape, "encoder.down_blocks.0.resnets.", ".conv1.weight");
    c.quant_conv = shape("quant_conv.weight").has_value();
    c.post_quant_conv = shape("post_quant_conv.weight").has_value();
    c.mid_attention = shape("decoder.mid_block.attentions.0.group_norm.weight").has_value();
    c.force_upcast = false;
    return c;
}

ClipTextConfig clip_text_config_from(const ShapeOf& shape, const std::string& where) {
    ClipTextConfig c;
    const Shape tokens = must(shape, "embeddings.token_embedding.weight", 2, where);
    c.vocabulary = int(tokens[0]);
    c.width = int(tokens[1]);
    c.positions = int(must(shape, "embeddings.position_embedding.weight", 2, where)[0]);
    c.layers = count_of(shape, "encoder.layers.", ".layer_norm1.weight");
    c.hidden = int(must(shape, "encoder.layers.0.mlp.fc1.weight", 2, where)[0]);
    c.heads = std::max(1, c.width / 64);
    // [projection, width], or the transpose.
    if (const auto projection = shape("text_projection.weight"))
        c.projection = int((*projection)[(*projection)[0] == c.width ? 1 : 0]);
    return c;
}

}   // namespace kiln
