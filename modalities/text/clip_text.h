// The text encoder of CLIP: a causal transformer over byte-pair tokens.
// Radford et al. Learning Transferable Visual Models From Natural Language Supervision. 2021,
// section 2.4; the larger ones: Ilharco et al. OpenCLIP. 2021. Names are those of transformers.
#pragma once
#include <optional>
#include <vector>

#include "runtime/nn/layers.h"

namespace kiln {

class JsonObject;   // runtime/io/json.h

struct ClipTextConfig {
    int vocabulary = 49408, positions = 77;
    int width = 512, hidden = 2048, layers = 12, heads = 8;
    int projection = 512;
    Activation activation = Activation::quick_gelu;
    float eps = 1e-5f;
    // The token whose state is the pooled text; 2 is a mistake in published files that means the
    // token with the largest number.
    int end_token = 49407;

    // Where the pooled state lies in a sequence of tokens.
    int pooled_position(const std::vector<int32_t>& tokens) const;
};

Result<ClipTextConfig> parse_clip_text_config(const JsonObject& json);

struct ClipLayer {
    LayerNorm norm1, norm2;
    Linears qkv;
    Linear out, fc1, fc2;
    int heads;
    Activation activation;

    ClipLayer(Scope s, const ClipTextConfig& c)
        : norm1(s / "layer_norm1", c.width, c.eps),
          norm2(s / "layer_norm2", c.width, c.eps),
          qkv({s / "self_attn.q_proj", s / "self_attn.k_proj", s / "self_attn.v_proj"}, c.width,
              c.width),
          out(s / "self_attn.out_proj", c.width, c.width),
          fc1(s / "mlp.fc1", c.width, c.hidden),
          fc2(s / "mlp.fc2", c.hidden, c.width),
          heads(c.heads),
          activation(c.activation) {}
    Tensor operator()(Tensor x) const {
        const std::vector<Tensor> y = qkv(norm1(x));
        x = x + out(attention(y[0], y[1], y[2], {.heads = heads, .causal = true}));
        return x + fc2(fc1(norm2(x), activation));
    }
};

struct ClipText {
    ClipTextConfig config;
    Embedding tokens;
    Tensor positions;   // [1, positions, width]
    std::vector<ClipLayer> layers;
    LayerNorm final_norm;
    std::optional<Linear> projection;   // of models that have one

    // `s` is the root of the file; both layouts that transformers writes are recognised.
    ClipText(Scope s, const ClipTextConfig& c) : ClipText(s, inner(s), c) {}

    // The states before layer 0, after it, ..., after the last one: layers + 1 of [n, s, width].
    std::vector<Tensor> operator()(const Tensor& ids) const {   // i32 [n, s]
        Tensor x = as(tokens(ids), DType::f32) + as(slice(positions, 1, 0, ids[1]), DType::f32);
        std::vector<Tensor> states = {x};
        for (const ClipLayer& layer : layers) states.push_back(x = layer(x));
        return states;
    }

    // The text as one vector: the last state at `rows` (i32 [n], positions in n * s), normalised
    // and projected. [n, projection or width].
    Tensor pooled(const Tensor& last, const Tensor& rows) const {
        const Tensor at_end = gather(reshape(final_norm(last), {-1, last[2]}), rows);
        return projection ? (*projection)(at_end) : at_end;
    }

private:
    ClipText(Scope root, Scope s, const ClipTextConfig& c)
        : config(c),
          tokens(s / "embeddings.token_embedding", c.vocabulary, c.width),
          positions(position_table(s, c)),
          final_norm(s / "final_layer_norm", c.width, c.eps) {
        for (int i = 0; i < c.layers; i++) layers.emplace_back(s / "encoder.layers" / i, c);
        if (root.has("text_projection.weight"))
            projection.emplace(root / "text_projection", c.width, c.projection, false);
    }
    static Scope inner(const Scope& s) {
        return s.has("text_model.final_layer_norm.weight") ? s / "text_model" : s;
    }
    static Tensor position_table(const Scope& s, const ClipTextConfig& c) {
        const Embedding table(s / "embeddings.position_embedding", c.positions, c.width);
        return reshape(table.table.at(0), {1, c.positions, c.width});
    }
};

}   // namespace kiln
