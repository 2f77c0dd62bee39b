// The convolutional blocks that denoising U-Nets and their autoencoders share. Images are [n, h, w,
// c]; names are those of diffusers.
#pragma once
#include <optional>

#include "runtime/nn/layers.h"

namespace kiln {

// A residual block; `t`, where the block takes one, is the activated time embedding [n, c_time].
// He et al. Identity Mappings in Deep Residual Networks. 2016; Ho et al. 2020, appendix B.
struct ResBlock {
    GroupNorm norm1;
    Conv2d conv1;
    std::optional<Linear> time;
    GroupNorm norm2;
    Conv2d conv2;
    std::optional<Linear> shortcut;

    ResBlock(Scope s, int c_in, int c_out, int c_time, int groups, float eps)
        : norm1(s / "norm1", groups, c_in, eps),
          conv1(s / "conv1", c_in, c_out, 3),
          norm2(s / "norm2", groups, c_out, eps),
          conv2(s / "conv2", c_out, c_out, 3) {
        if (c_time) time.emplace(s / "time_emb_proj", c_time, c_out);
        if (c_in != c_out) shortcut.emplace(s / "conv_shortcut", c_in, c_out);
    }
    Tensor operator()(const Tensor& x, const Tensor& t = {}) const {
        Tensor h = conv1(silu(norm1(x)));
        if (time) h = h + reshape((*time)(t), {x[0], 1, 1, h[3]});
        h = conv2(silu(norm2(h)));
        return (shortcut ? (*shortcut)(x) : x) + h;
    }
};

struct Upsample {
    Conv2d conv;

    Upsample(Scope s, int c) : conv(s / "conv", c, c, 3) {}
    Tensor operator()(const Tensor& x, int64_t h, int64_t w) const {
        return conv(upsample_nearest(x, h, w));
    }
};

}   // namespace kiln
