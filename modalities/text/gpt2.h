// GPT-2 as a generator of states rather than of words: fed with embeddings, it continues them one
// state at a time, each being the next one's input. Radford et al. Language Models are Unsupervised
// Multitask Learners. 2019; so used by Liu et al. AudioLDM 2. 2024, section III. Names are those of
// transformers (GPT2Model).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "modalities/text/padding.h"
#include "runtime/nn/layers.h"

namespace kiln {

class JsonObject;   // runtime/io/json.h

struct Gpt2Config {
    int positions = 1024;
    int width = 768, hidden = 3072, layers = 12, heads = 12;
    int generated = 8;   // max_new_tokens, which AudioLDM 2 keeps here
    Activation activation = Activation::gelu_tanh;
    float eps = 1e-5f;
    bool scaled = true;             // scores by 1 / sqrt(width of a head)
    bool scaled_by_layer = false;   // and by 1 / (1 + layer)

    float scale(int layer) const;
};

Result<Gpt2Config> parse_gpt2_config(const JsonObject& json);

struct Gpt2Layer {
    struct KeyValues {
        Tensor keys, values;   // [n, t, width] each; empty at first
    };
    LayerNorm norm1, norm2;
    Linear qkv, out, fc1, fc2;
    int heads;
    float scale;
    Activation activation;

    Gpt2Layer(Scope s, const Gpt2Config& c, int layer)
        : norm1(s / "ln_1", c.width, c.eps),
          norm2(s / "ln_2", c.width, c.eps),
          qkv(s / "attn.c_attn", c.width, 3 * c.width),
          out(s / "attn.c_proj", c.width, c.width),
          fc1(s / "mlp.c_fc", c.width, c.hidden),
          fc2(s / "mlp.c_proj", c.hidden, c.width),
          heads(c.heads),
          scale(c.scale(layer)),
          activation(c.activation) {}

    // x [n, s, width] comes after what `past` holds, and joins it. The bias is [n, 1, s, t], for
    // all t keys.
    Tensor operator()(Tensor x, KeyValues& past, const Tensor& bias) const {
        const std::vector<Tensor> y = split(qkv(norm1(x)), 3);
        const bool first = !past.keys;
        past.keys = first ? y[1] : concat({past.keys, y[1]}, 1);
        past.values = first ? y[2] : concat({past.values, y[2]}, 1);
        x = x + out(attention(y[0], past.keys, past.values,
                              {.heads = heads, .scale = scale, .causal = first}, bias));
        return x + fc2(fc1(norm2(x), activation));
    }
};

struct Gpt2 {
    Gpt2Config config;
    Embedding positions;
    std::vector<Gpt2Layer> layers;
    LayerNorm final_norm;

    // `s` is the root of the names that gpt2_names() gives.
    Gpt2(Scope s, const Gpt2Config& c);

    // The `count` states [n, count, width] that follow embeddings [n, s, width]: each is the
    // network's last one, and what it sees next. mask f32 [n, s]: 1 for what may be seen; the first
    // of each sequence must be. position_ids i32 [1, s + count - 1] say where the embeddings stand,
    // and the states but the last, where some of them are masked and are not to count; empty: one
    // after the other. Keys and values of earlier positions are computed once.
    Tensor generate(const Tensor& embeddings, const Tensor& mask, int count,
                    Tensor position_ids = {}) const;

private:
    Tensor next(Tensor x, const Tensor& position, std::vector<Gpt2Layer::KeyValues>& past,
                const Tensor& bias) const;
};

// The names of a GPT2Model, or of a GPT2LMHeadModel (behind "transformer."), among those of a file:
// its matrices lie turned.
NameMap gpt2_names(const std::vector<std::string>& names);

}   // namespace kiln
