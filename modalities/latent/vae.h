// The autoencoder between pictures and latents.
// Rombach et al. High-Resolution Image Synthesis with Latent Diffusion Models. 2022, section 3.1
// and appendix G. Images are [n, h, w, c]; names are those of diffusers (AutoencoderKL), old and
// new.
#pragma once
#include <optional>
#include <vector>

#include "modalities/latent/blocks.h"
#include "modalities/latent/config.h"

namespace kiln {

constexpr float kVaeEps = 1e-6f;

// Self-attention over all positions with a single head.
struct VaeAttention {
    GroupNorm norm;
    Linears qkv;
    Linear out;

    VaeAttention(Scope s, int c, int groups)
        : norm(s / "group_norm", groups, c, kVaeEps),
          qkv({either(s, "to_q", "query"), either(s, "to_k", "key"), either(s, "to_v", "value")}, c,
              c),
          out(either(s, "to_out.0", "proj_attn"), c, c) {}
    Tensor operator()(const Tensor& x) const {
        const Shape line{x[0], x[1] * x[2], x[3]};   // [n, h*w, c]
        const std::vector<Tensor> h = qkv(reshape(norm(x), line));
        return reshape(reshape(x, line) + out(attention(h[0], h[1], h[2], {.heads = 1})),
                       x.shape());
    }

private:
    static Scope either(const Scope& s, const char* now, const char* before) {
        return s / (s.has(std::string(before) + ".weight") ? before : now);
    }
};

struct VaeMid {
    ResBlock first;
    std::optional<VaeAttention> attention;
    ResBlock second;

    VaeMid(Scope s, int c, const VaeConfig& config)
        : first(s / "resnets" / 0, c, c, 0, config.norm_groups, kVaeEps),
          second(s / "resnets" / 1, c, c, 0, config.norm_groups, kVaeEps) {
        if (config.mid_attention) attention.emplace(s / "attentions" / 0, c, config.norm_groups);
    }
    Tensor operator()(const Tensor& x) const {
        const Tensor h = first(x);
        return second(attention ? (*attention)(h) : h);
    }
};

// Picture in [-1, 1] -> mean and logarithm of the variance of each latent.
struct VaeEncoder {
    struct Level {
        std::vector<ResBlock> resnets;
        std::optional<Conv2d> down;   // pads only after the last row and column
    };
    Conv2d conv_in;
    std::vector<Level> levels;
    VaeMid mid;
    GroupNorm norm_out;
    Conv2d conv_out;
    std::optional<Linear> quant;

    VaeEncoder(Scope s, const VaeConfig& c)
        : conv_in(s / "encoder.conv_in", c.in_channels, c.channels[0], 3),
          mid(s / "encoder.mid_block", c.channels.back(), c),
          norm_out(s / "encoder.conv_norm_out", c.norm_groups, c.channels.back(), kVaeEps),
          conv_out(s / "encoder.conv_out", c.channels.back(), 2 * c.latent_channels, 3) {
        int width = c.channels[0];
        for (size_t i = 0; i < c.channels.size(); i++) {
            const Scope here = s / "encoder.down_blocks" / int(i);
            Level& level = levels.emplace_back();
            for (int j = 0; j < c.layers; j++, width = c.channels[i])
                level.resnets.emplace_back(here / "resnets" / j, width, c.channels[i], 0,
                                           c.norm_groups, kVaeEps);
            if (i + 1 < c.channels.size())
                level.down.emplace(here / "downsamplers.0.conv", width, width, 3, 2, 0, 1);
        }
        if (c.quant_conv)
            quant.emplace(s / "quant_conv", 2 * c.latent_channels, 2 * c.latent_channels);
    }
    // -> [n, h / factor, w / factor, 2 * latent_channels]; `dtype` between the first and last
    // convolution
    Tensor operator()(const Tensor& image, DType dtype = DType::f32) const {
        Tensor h = as(conv_in(image), dtype);
        for (const Level& level : levels) {
            for (const ResBlock& block : level.resnets) h = block(h);
            if (level.down) h = (*level.down)(h);
        }
        h = conv_out(as(silu(norm_out(mid(h))), DType::f32));
        return quant ? (*quant)(h) : h;
    }
};

// Latent (as the encoder makes them, without the pipeline's scale) -> picture in about [-1, 1].
struct VaeDecoder {
    struct Level {
        std::vector<ResBlock> resnets;
        std::optional<Upsample> up;
    };
    std::optional<Linear> quant;
    Conv2d conv_in;
    VaeMid mid;
    std::vector<Level> levels;   // coarsest first
    GroupNorm norm_out;
    Conv2d conv_out;

    VaeDecoder(Scope s, const VaeConfig& c)
        : conv_in(s / "decoder.conv_in", c.latent_channels, c.channels.back(), 3),
          mid(s / "decoder.mid_block", c.channels.back(), c),
          norm_out(s / "decoder.conv_norm_out", c.norm_groups, c.channels[0], kVaeEps),
          conv_out(s / "decoder.conv_out", c.channels[0], c.out_channels, 3) {
        if (c.post_quant_conv)
            quant.emplace(s / "post_quant_conv", c.latent_channels, c.latent_channels);
        const int count = int(c.channels.size());
        int width = c.channels.back();
        for (int i = 0; i < count; i++) {
            const Scope here = s / "decoder.up_blocks" / i;
            const int c_out = c.channels[size_t(count - 1 - i)];
            Level& level = levels.emplace_back();
            for (int j = 0; j <= c.layers; j++, width = c_out)
                level.resnets.emplace_back(here / "resnets" / j, width, c_out, 0, c.norm_groups,
                                           kVaeEps);
            if (i + 1 < count) level.up.emplace(here / "upsamplers.0", width);
        }
    }
    // -> [n, h * factor, w * factor, out_channels]; `dtype` between the first and last convolution
    Tensor operator()(const Tensor& latent, DType dtype = DType::f32) const {
        Tensor h = mid(as(conv_in(quant ? (*quant)(latent) : latent), dtype));
        for (const Level& level : levels) {
            for (const ResBlock& block : level.resnets) h = block(h);
            if (level.up) h = (*level.up)(h, 2 * h[1], 2 * h[2]);
        }
        return conv_out(as(silu(norm_out(h)), DType::f32));
    }
};

}   // namespace kiln
