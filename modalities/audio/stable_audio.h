// The diffusion transformer of Stable Audio Open, and what it is told: text states beside two
// embedded numbers, where the sound starts and ends. Evans et al. Stable Audio Open. 2024, section
// 3; Peebles and Xie. Scalable Diffusion Models with Transformers. 2023. Sequences are [n, t, c];
// names are those of diffusers (StableAudioDiTModel, StableAudioProjectionModel).
#pragma once
#include <optional>
#include <vector>

#include "runtime/nn/layers.h"

namespace kiln {

class JsonObject;   // runtime/io/json.h

struct StableAudioConfig {
    int length = 1024;   // latents that it was trained on, and makes always
    int in_channels = 64, out_channels = 64;
    int layers = 24, heads = 24, head_width = 64;
    int kv_heads = 12;   // of cross-attention; each serves heads / kv_heads queries
    int context = 768;   // of the projected text states
    int context_input = 768, global_input = 1536;
    int time_features = 256;

    int width() const { return heads * head_width; }
};

Result<StableAudioConfig> parse_stable_audio_config(const JsonObject& json);

struct StableAudioProjectionConfig {
    int text = 768, width = 768;    // of the states as the text encoder makes them, and projected
    double least = 0, most = 512;   // seconds
};

Result<StableAudioProjectionConfig> parse_stable_audio_projection_config(const JsonObject& json);

// Cosines and sines of t [n] times learned frequencies -> [n, 2 * frequencies].
Tensor fourier_features(const Tensor& t, const Tensor& frequencies, bool cosines_first);

// Two linear layers with silu between, as modules 0 and 2 of a sequence.
struct StableAudioMlp {
    Linear in, out;

    StableAudioMlp(Scope s, int from, int to, bool has_bias)
        : in(s / 0, from, to, has_bias), out(s / 2, to, to, has_bias) {}
    Tensor operator()(const Tensor& x) const { return out(in(x, Activation::silu)); }
};

struct StableAudioBlock {
    LayerNorm norm1;
    Linears qkv;
    Linear self_out;
    LayerNorm norm2;
    Linear q;
    Linears kv;
    Linear cross_out;
    LayerNorm norm3;
    Linear ff_in, ff_out;
    int heads, kv_heads;

    StableAudioBlock(Scope s, const StableAudioConfig& c);
    // turns: of the positions (rotary_embedding()); context [n, s, c.context]
    Tensor operator()(Tensor x, const Tensor& turns, const Tensor& context) const;
};

struct StableAudioInputs {
    Tensor latent;              // [n, t, in_channels]
    Tensor timestep;            // [n], in [0, 1]: atan(sigma) * 2 / pi
    Tensor context;             // [n, s, context_input]: text, start and end
    Tensor global;              // [n, global_input]: start and end side by side
    DType dtype = DType::f32;   // of everything between the first and the last layer
};

struct StableAudioTransformer {
    StableAudioConfig config;
    Tensor frequencies;   // [time_features / 2]
    StableAudioMlp time, global, context;
    Linear before, in;
    std::vector<StableAudioBlock> blocks;
    Linear out, after;

    StableAudioTransformer(Scope s, const StableAudioConfig& c);
    Tensor operator()(const StableAudioInputs& in) const;   // -> [n, t, out_channels]
};

// What the transformer is told.
struct StableAudioProjection {
    struct Number {
        Tensor frequencies;
        Linear linear;
    };
    StableAudioProjectionConfig config;
    std::optional<Linear> text;   // where the widths differ
    Number start, end;

    StableAudioProjection(Scope s, const StableAudioProjectionConfig& c);
    // States [n, s, text] -> [n, s, width].
    Tensor of_text(const Tensor& states) const { return text ? (*text)(states) : states; }
    // Seconds [n] -> [n, 1, width].
    Tensor of_start(const Tensor& seconds) const { return embedded(start, seconds); }
    Tensor of_end(const Tensor& seconds) const { return embedded(end, seconds); }

private:
    Number number(Scope s) const;
    Tensor embedded(const Number& number, const Tensor& seconds) const;
};

}   // namespace kiln
