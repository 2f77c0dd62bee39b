// The audio tower of CLAP, HTS-AT: a Swin transformer over a log-mel spectrogram folded into a
// square, pooled and projected into the space that sound shares with text. Wu et al. Large-scale
// Contrastive Language-Audio Pretraining. 2023; Chen et al. HTS-AT. 2022; Liu et al. Swin
// Transformer. 2021. Names are those of transformers (ClapAudioModelWithProjection).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/nn/layers.h"

namespace kiln {

class JsonObject;   // runtime/io/json.h

struct ClapAudioConfig {
    int side = 256;   // of the folded spectrogram
    int mels = 64;
    int patch = 4, window = 8;   // in values; in patches
    int width = 96;              // of the first stage; doubles with each
    std::vector<int> depths{2, 2, 6, 2}, heads{4, 8, 16, 32};
    double mlp_ratio = 4;
    bool qkv_bias = true, patch_norm = true;
    float eps = 1e-5f;
    Activation activation = Activation::gelu, projection_activation = Activation::relu;
    int projection = 512;

    int folds() const { return side / mels; }       // of time, one under the other
    int frames() const { return side * folds(); }   // the most that a spectrogram may have
    int stages() const { return int(depths.size()); }
    int features() const { return width << (stages() - 1); }
};

// The config.json of an audio tower, or of a whole CLAP model that has one as audio_config. What is
// not built (fusion of long recordings) is an error that names key and value.
Result<ClapAudioConfig> parse_clap_audio_config(const JsonObject& json);

// Attention within square windows of an image, with a bias by relative position; where the windows
// are shifted, those that wrap around the edges are masked by the parts that they are made of.
struct WindowAttention {
    Linears qkv;
    Linear out;
    std::vector<Tensor> bias_table;   // [(2 * window - 1)^2, heads]
    int heads, window, shift;

    WindowAttention(Scope s, const ClapAudioConfig& c, int width, int heads, int shift);
    Tensor operator()(const Tensor& x) const;   // [n, h, w, c]; h and w multiples of the window

private:
    Tensor bias(int64_t n, int64_t h, int64_t w) const;
};

struct SwinBlock {
    LayerNorm norm1;
    WindowAttention attention;
    LayerNorm norm2;
    Linear fc1, fc2;
    Activation activation;

    SwinBlock(Scope s, const ClapAudioConfig& c, int width, int heads, int shift);
    Tensor operator()(Tensor x) const {   // [n, h, w, c]
        x = x + attention(norm1(x));
        return x + fc2(fc1(norm2(x), activation));
    }
};

// Four neighbours to one of twice the width.
struct PatchMerging {
    LayerNorm norm;
    Linear reduction;

    PatchMerging(Scope s, int width)
        : norm(s / "norm", 4 * width), reduction(s / "reduction", 4 * width, 2 * width, false) {}
    Tensor operator()(const Tensor& x) const;   // [n, h, w, c] -> [n, h / 2, w / 2, 2 c]
};

struct ClapAudio {
    struct Stage {
        std::vector<SwinBlock> blocks;
        std::optional<PatchMerging> merge;
    };
    ClapAudioConfig config;
    Tensor band_scale, band_shift;   // [mels]: batch normalisation by the statistics of training
    Conv2d patches;
    std::optional<LayerNorm> patch_norm;
    std::vector<Stage> stages;
    LayerNorm norm;
    Linear projection1, projection2;

    // `s` is the root of the file: it holds audio_model and audio_projection.
    ClapAudio(Scope s, const ClapAudioConfig& c)
        : ClapAudio(s, s / "audio_model.audio_encoder", c) {}

    // Log-mel spectrograms [n, frames, mels] in decibels, of at most config.frames(), as the
    // feature extractor makes them -> what they sound like, [n, projection].
    Tensor features(const Tensor& mel) const;

private:
    ClapAudio(Scope root, Scope s, const ClapAudioConfig& c);
    Tensor folded(const Tensor& mel) const;
};

// The names of transformers for those that CLAP's own code gives its audio tower: audio_branch.*
// and audio_projection.0 and .2, behind `prefix` among `names`.
NameMap clap_audio_names(const std::vector<std::string>& names, std::string_view prefix);

}   // namespace kiln
