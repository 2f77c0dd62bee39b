// The denoising U-Net of latent diffusion, with every option that published models of its family
// use. Rombach et al. High-Resolution Image Synthesis with Latent Diffusion Models. 2022,
// section 3.3; Podell et al. SDXL. 2023, section 2. Images are [n, h, w, c]; names are those of
// diffusers.
#pragma once
#include <array>
#include <optional>
#include <vector>

#include "modalities/latent/blocks.h"
#include "modalities/latent/config.h"

namespace kiln {

struct SelfAttention {
    Linears qkv;
    Linear out;
    int heads;

    SelfAttention(Scope s, int c, int heads)
        : qkv({s / "to_q", s / "to_k", s / "to_v"}, c, c, false),
          out(s / "to_out" / 0, c, c),
          heads(heads) {}
    Tensor operator()(const Tensor& x) const {
        const std::vector<Tensor> y = qkv(x);
        return out(attention(y[0], y[1], y[2], {.heads = heads}));
    }
};

// What is attended to beside x: states [n, s, c], and, where some are padding, what hides their
// keys [n, 1, 1, s].
struct Text {
    Tensor states, hidden;
};

struct CrossAttention {
    Linear q;
    Linears kv;
    Linear out;
    int heads;

    CrossAttention(Scope s, int c, int c_context, int heads)
        : q(s / "to_q", c, c, false),
          kv({s / "to_k", s / "to_v"}, c_context, c, false),
          out(s / "to_out" / 0, c, c),
          heads(heads) {}
    Tensor operator()(const Tensor& x, const Text& text) const {
        const std::vector<Tensor> y = kv(text.states);
        const Tensor& hidden = text.hidden;
        const Tensor bias =
            hidden ? broadcast_to(hidden, {hidden[0], 1, x[1], hidden[3]}) : Tensor();
        return out(attention(q(x), y[0], y[1], {.heads = heads}, bias));
    }
};

struct FeedForward {   // GEGLU
    Linear in, out;

    FeedForward(Scope s, int c)
        : in(s / "net" / 0 / "proj", c, 8 * c), out(s / "net" / 2, 4 * c, c) {}
    Tensor operator()(const Tensor& x) const { return out(geglu(in(x))); }
};

// Attention over x itself or, where c_context is not 0, over a text.
struct EitherAttention {
    std::optional<SelfAttention> self;
    std::optional<CrossAttention> cross;

    EitherAttention(Scope s, int c, int c_context, int heads) {
        if (c_context)
            cross.emplace(s, c, c_context, heads);
        else
            self.emplace(s, c, heads);
    }
    Tensor operator()(const Tensor& x, const Text& text) const {
        return self ? (*self)(x) : (*cross)(x, text);
    }
};

struct TransformerBlock {
    LayerNorm norm1, norm2, norm3;
    EitherAttention first, second;
    FeedForward feed_forward;

    TransformerBlock(Scope s, int c, int c_context, int heads, bool only_cross)
        : norm1(s / "norm1", c),
          norm2(s / "norm2", c),
          norm3(s / "norm3", c),
          first(s / "attn1", c, only_cross ? c_context : 0, heads),
          second(s / "attn2", c, c_context, heads),
          feed_forward(s / "ff", c) {}
    Tensor operator()(Tensor x, const Text& text) const {   // x [n, h*w, c]
        x = x + first(norm1(x), text);
        x = x + second(norm2(x), text);
        return x + feed_forward(norm3(x));
    }
};

struct SpatialTransformer {
    GroupNorm norm;
    Linear in;
    std::vector<TransformerBlock> blocks;
    Linear out;

    SpatialTransformer(Scope s, int c, int c_context, int heads, int depth, bool only_cross,
                       int groups)
        : norm(s / "norm", groups, c, 1e-6f), in(s / "proj_in", c, c), out(s / "proj_out", c, c) {
        for (int i = 0; i < depth; i++)
            blocks.emplace_back(s / "transformer_blocks" / i, c, c_context, heads, only_cross);
    }
    Tensor operator()(const Tensor& x, const Text& text) const {
        const Shape line{x[0], x[1] * x[2], x[3]};   // [n, h*w, c]
        Tensor h = in(reshape(norm(x), line));
        for (const auto& block : blocks) h = block(h, text);
        return reshape(reshape(x, line) + out(h), x.shape());
    }
};

struct Downsample {
    Conv2d conv;

    Downsample(Scope s, int c) : conv(s / "conv", c, c, 3, 2, 1, 1) {}
    Tensor operator()(const Tensor& x) const { return conv(x); }
};

struct TimeEmbedding {
    Linear linear1, linear2;
    std::optional<Linear> guidance;   // of distilled models: Meng et al. 2023

    TimeEmbedding(Scope s, int c_in, int c, int c_guidance = 0)
        : linear1(s / "linear_1", c_in, c), linear2(s / "linear_2", c, c) {
        if (c_guidance) guidance.emplace(s / "cond_proj", c_guidance, c_in, false);
    }
    Tensor operator()(Tensor t, const Tensor& w = {}) const {
        if (guidance) t = t + (*guidance)(w);
        return linear2(linear1(t, Activation::silu));
    }
};

// What the transformers of a layer are told, and they themselves: one but for AudioLDM 2 (Liu et
// al. AudioLDM 2. 2023), where the first two look at one text and the others at another.
using Texts = std::array<Text, 2>;

struct TransformerChain {
    std::vector<SpatialTransformer> links;

    Tensor operator()(Tensor x, const Texts& texts) const {
        for (size_t i = 0; i < links.size(); i++) x = links[i](x, texts[i > 1]);
        return x;
    }
};

// One level of the U-Net: residual blocks, transformers after each where the level has them, and
// the step to the next level.
struct UNetLevel {
    std::vector<ResBlock> resnets;
    std::vector<TransformerChain> attentions;   // none, or one a residual block
    std::optional<Downsample> down;
    std::optional<Upsample> up;
};

struct UNetInputs {
    Tensor latent;     // [n, h, w, in_channels]
    Tensor timestep;   // [n], may be fractional
    Tensor context;    // [n, s, context]; not of models without one
    // [n, t, c] and 1 for text, 0 for padding [n, t]; models with two texts only
    Tensor second_context, second_mask;
    Tensor pooled;              // [n, c]: the text as one vector; models with text_time only
    Tensor time_ids;            // [n, ids]: sizes and crops; models with text_time only
    Tensor guidance;            // [n, guidance_width]; distilled models only
    Tensor label;               // [n, c], [n] or i32 [n]; models with a class embedding only
    DType dtype = DType::f32;   // of everything between the first and the last convolution
};

struct UNet {
    UNetConfig config;
    Conv2d conv_in;
    TimeEmbedding time;
    std::optional<TimeEmbedding> addition, label;
    std::optional<Linear> label_linear;
    std::optional<Embedding> label_table;
    std::vector<UNetLevel> down, up;
    std::vector<ResBlock> mid_resnets;
    std::optional<TransformerChain> mid_attention;
    GroupNorm norm_out;
    Conv2d conv_out;

    UNet(Scope s, const UNetConfig& c)
        : config(c),
          conv_in(s / "conv_in", c.in_channels, c.channels[0], c.conv_in_kernel),
          time(s / "time_embedding", c.channels[0], c.time_width, c.guidance_width),
          norm_out(s / "conv_norm_out", c.norm_groups, c.channels[0], c.norm_eps),
          conv_out(s / "conv_out", c.channels[0], c.out_channels, c.conv_out_kernel) {
        add_embeddings(s);
        std::vector<int> skips = {c.channels[0]};   // widths, as operator() will push them
        for (int level = 0; level < c.levels(); level++)
            add_down(s / "down_blocks" / level, level, skips);
        if (c.has_mid) add_mid(s / "mid_block");
        for (int i = 0; i < c.levels(); i++) add_up(s / "up_blocks" / i, i, skips);
    }

    Tensor operator()(const UNetInputs& in) const {   // -> [n, h, w, out_channels]
        const Tensor t = time_embedding(in);
        const Texts texts = texts_of(in);
        Tensor h =
            as(conv_in(config.center_input ? affine(in.latent, 2, -1) : in.latent), in.dtype);
        std::vector<Tensor> skips = {h};
        for (const UNetLevel& level : down) {
            for (size_t i = 0; i < level.resnets.size(); i++) {
                h = level.resnets[i](h, t);
                if (!level.attentions.empty()) h = level.attentions[i](h, texts);
                skips.push_back(h);
            }
            if (level.down) skips.push_back(h = (*level.down)(h));
        }
        for (size_t i = 0; i < mid_resnets.size(); i++) {
            if (i == 1) h = (*mid_attention)(h, texts);
            h = mid_resnets[i](h, t);
        }
        for (const UNetLevel& level : up) {
            for (size_t i = 0; i < level.resnets.size(); i++) {
                h = level.resnets[i](concat({h, skips.back()}, 3), t);
                skips.pop_back();
                if (!level.attentions.empty()) h = level.attentions[i](h, texts);
            }
            // To the size of the next skip, which is not twice this one where a size was odd.
            if (level.up) h = (*level.up)(h, skips.back()[1], skips.back()[2]);
        }
        return conv_out(as(silu(norm_out(h)), DType::f32));
    }

private:
    TimestepOptions sinusoids() const {
        return {.flip_sin_to_cos = config.flip_sin_to_cos, .shift = config.freq_shift};
    }

    static Texts texts_of(const UNetInputs& in) {
        const auto text = [&](const Tensor& t) { return t ? as(t, in.dtype) : t; };
        Texts texts = {Text{text(in.context), {}}, Text{text(in.second_context), {}}};
        if (const Tensor& mask = in.second_mask)
            texts[1].hidden = reshape(affine(mask, 10000, -10000), {mask[0], 1, 1, mask[1]});
        return texts;
    }

    // What every residual block sees: silu of the sum of all embeddings, [n, block_time_width()].
    Tensor time_embedding(const UNetInputs& in) const {
        Tensor t =
            time(timestep_embedding(in.timestep, config.channels[0], sinusoids()), in.guidance);
        if (const Tensor l = label_embedding(in.label))
            t = config.concatenates_class ? concat({t, l}, 1) : t + l;
        if (addition) {
            const int64_t n = in.time_ids[0];
            const Tensor ids = timestep_embedding(reshape(in.time_ids, {-1}),
                                                  config.addition_time_width, sinusoids());
            t = t + (*addition)(concat({in.pooled, reshape(ids, {n, -1})}, 1));
        }
        return as(silu(t), in.dtype);
    }

    Tensor label_embedding(const Tensor& l) const {
        switch (config.class_embedding) {
            case ClassEmbedding::none: return {};
            case ClassEmbedding::identity: return l;
            case ClassEmbedding::table: return (*label_table)(l);
            case ClassEmbedding::linear: return (*label_linear)(l);
            case ClassEmbedding::projection: return (*label)(l);
            case ClassEmbedding::timestep: break;
        }
        return (*label)(timestep_embedding(l, config.channels[0], sinusoids()));
    }

    void add_embeddings(Scope s) {
        const UNetConfig& c = config;
        if (c.addition_time_width)
            addition.emplace(s / "add_embedding", c.projection_width, c.time_width);
        switch (c.class_embedding) {
            case ClassEmbedding::none:
            case ClassEmbedding::identity: break;
            case ClassEmbedding::table:
                label_table.emplace(s / "class_embedding", c.class_count, c.time_width);
                break;
            case ClassEmbedding::timestep:
                label.emplace(s / "class_embedding", c.channels[0], c.time_width);
                break;
            case ClassEmbedding::projection:
                label.emplace(s / "class_embedding", c.projection_width, c.time_width);
                break;
            case ClassEmbedding::linear:
                label_linear.emplace(s / "class_embedding", c.projection_width, c.time_width);
                break;
        }
    }

    ResBlock resnet(Scope s, int c_in, int c_out) const {
        return {s, c_in, c_out, config.block_time_width(), config.norm_groups, config.norm_eps};
    }
    // Those after residual block `layer` of a level; `s` holds all of the level.
    TransformerChain transformers(Scope s, int level, int layer, int depth, bool only_cross) const {
        const std::vector<int> chain = config.chain(level);
        TransformerChain made;
        for (int i = 0; i < int(chain.size()); i++)
            made.links.emplace_back(s / (layer * int(chain.size()) + i), config.channels[level],
                                    chain[size_t(i)], config.heads[level], depth, only_cross,
                                    config.norm_groups);
        return made;
    }

    void add_down(Scope s, int level, std::vector<int>& skips) {
        const int c = config.channels[level];
        UNetLevel& here = down.emplace_back();
        for (int i = 0; i < config.layers[level]; i++) {
            here.resnets.push_back(resnet(s / "resnets" / i, skips.back(), c));
            if (config.down_attention[level])
                here.attentions.push_back(transformers(s / "attentions", level, i,
                                                       config.down_depth[level][i],
                                                       config.only_cross_attention[level]));
            skips.push_back(c);
        }
        if (level + 1 == config.levels()) return;
        here.down.emplace(s / "downsamplers" / 0, c);
        skips.push_back(c);
    }

    void add_mid(Scope s) {
        const int level = config.levels() - 1, c = config.channels[level];
        mid_resnets.push_back(resnet(s / "resnets" / 0, c, c));
        if (config.mid_depth.empty()) return;
        mid_attention = transformers(s / "attentions", level, 0, config.mid_depth[0], false);
        mid_resnets.push_back(resnet(s / "resnets" / 1, c, c));
    }

    void add_up(Scope s, int i, std::vector<int>& skips) {
        const int level = config.levels() - 1 - i, c = config.channels[level];
        int c_in = i == 0 ? c : config.channels[level + 1];
        UNetLevel& here = up.emplace_back();
        for (int j = 0; j <= config.layers[level]; j++) {
            here.resnets.push_back(resnet(s / "resnets" / j, c_in + skips.back(), c));
            skips.pop_back();
            c_in = c;
            if (config.up_attention[i])
                here.attentions.push_back(transformers(s / "attentions", level, j,
                                                       config.up_depth[i][j],
                                                       config.only_cross_attention[level]));
        }
        if (level > 0) here.up.emplace(s / "upsamplers" / 0, c);
    }
};

}   // namespace kiln
