// The text tower of CLAP: a bidirectional transformer (RoBERTa) over byte-level tokens, whose first
// state is projected into the space that text shares with sound. Wu, Chen, Zhang, Hui,
// Berg-Kirkpatrick, Dubnov. Large-scale Contrastive Language-Audio Pretraining. 2023, section 3;
// Liu et al. RoBERTa. 2019. Names are those of transformers (ClapTextModelWithProjection).
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/text/padding.h"
#include "runtime/io/json.h"
#include "runtime/nn/layers.h"

namespace kiln {

// One tower in a CLAP model's configuration, where it is called `key`, or in its own. The whole
// model says for both towers what space they share, else each does. Throws a ResultError.
struct ClapTower {
    JsonObject json;
    int projection;          // width of that space
    Activation activation;   // on the way to it
};
ClapTower clap_tower(const JsonObject& file, std::string_view key);

struct ClapTextConfig {
    int vocabulary = 50265, positions = 514, types = 1;
    int width = 768, hidden = 3072, layers = 12, heads = 12;
    int projection = 512;
    int pad_token = 1;
    Activation activation = Activation::gelu, projection_activation = Activation::relu;
    float eps = 1e-12f;

    // Tokens that a text may have: positions begin after the padding's.
    int length() const { return positions - pad_token - 1; }
    // The position of each token of one text: counted from pad_token + 1, and pad_token for
    // padding.
    std::vector<int32_t> position_ids(std::span<const int32_t> tokens) const;
};

// The config.json of a text tower, or of a whole CLAP model that has one as text_config.
Result<ClapTextConfig> parse_clap_text_config(const JsonObject& json);

struct ClapTextLayer {
    Linears qkv;
    Linear out;
    LayerNorm norm1;
    Linear fc1, fc2;
    LayerNorm norm2;
    int heads;
    Activation activation;

    ClapTextLayer(Scope s, const ClapTextConfig& c)
        : qkv({s / "attention.self.query", s / "attention.self.key", s / "attention.self.value"},
              c.width, c.width),
          out(s / "attention.output.dense", c.width, c.width),
          norm1(s / "attention.output.LayerNorm", c.width, c.eps),
          fc1(s / "intermediate.dense", c.width, c.hidden),
          fc2(s / "output.dense", c.hidden, c.width),
          norm2(s / "output.LayerNorm", c.width, c.eps),
          heads(c.heads),
          activation(c.activation) {}
    Tensor operator()(Tensor x, const Tensor& hidden_keys) const {
        const std::vector<Tensor> y = qkv(x);
        x = norm1(x + out(attention(y[0], y[1], y[2], {.heads = heads}, hidden_keys)));
        return norm2(x + fc2(fc1(x, activation)));
    }
};

struct ClapText {
    ClapTextConfig config;
    Embedding tokens, positions, types;
    LayerNorm norm;
    std::vector<ClapTextLayer> layers;
    Linear pooler, projection1, projection2;

    // `s` is the root of the file: it holds text_model and text_projection.
    ClapText(Scope s, const ClapTextConfig& c) : ClapText(s, s / "text_model", c) {}

    // The last states [n, s, width]. i32 [n, s]: ids, and their config.position_ids(); mask f32
    // [n, s]: 1 for text, 0 for padding, which takes time and changes nothing of the text's states:
    // one may leave off what all of the texts have.
    Tensor operator()(const Tensor& ids, const Tensor& position_ids, const Tensor& mask) const;

    // What states [n, s, width] say of the whole text, as audio sees it: tanh of the first one,
    // projected. [n, projection].
    Tensor features(const Tensor& states) const;

    // The same as unit vectors, which is what diffusion is conditioned on and compared with sound.
    Tensor embedding(const Tensor& states) const;

private:
    ClapText(Scope root, Scope s, const ClapTextConfig& c);
};

// x / |x| along the last axis.
Tensor unit_vectors(const Tensor& x);

// The names of transformers for those that CLAP's own code gives its text tower: text_branch.* and
// text_projection.0 and .2, behind `prefix` among `names`. The checkpoint of AudioLDM holds it as
// "cond_stage_model.model.".
NameMap clap_text_names(const std::vector<std::string>& names, std::string_view prefix);

}   // namespace kiln
