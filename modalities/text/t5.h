// The encoder of T5: a bidirectional transformer with biases by relative position in place of
// position embeddings, norms without means, and scores without scale. Raffel et al. Exploring the
// Limits of Transfer Learning with a Unified Text-to-Text Transformer. 2020, section 2.1; gated
// layers (T5 1.1, FLAN-T5): Shazeer. GLU Variants Improve Transformer. 2020. Names are those of
// transformers (T5EncoderModel).
#pragma once
#include <optional>
#include <vector>

#include "modalities/text/padding.h"
#include "runtime/nn/layers.h"

namespace kiln {

class JsonObject;   // runtime/io/json.h

struct T5Config {
    int vocabulary = 32128;
    int width = 512, hidden = 2048, layers = 6, heads = 8, head_width = 64;
    int buckets = 32, distance = 128;   // of relative positions, both directions together
    Activation activation = Activation::relu;
    bool gated = false;
    float eps = 1e-6f;

    // Which of the learned biases holds for a key `relative` positions after its query: each of the
    // nearest has its own, farther ones share theirs by logarithm, from `distance` on all.
    int bucket(int relative) const;
};

Result<T5Config> parse_t5_config(const JsonObject& json);

struct T5Attention {
    RmsNorm norm;
    Linears qkv;
    Linear out;
    int heads;

    T5Attention(Scope s, const T5Config& c)
        : norm(s / "layer_norm", c.width, c.eps),
          qkv({s / "SelfAttention.q", s / "SelfAttention.k", s / "SelfAttention.v"}, c.width,
              c.heads * c.head_width, false),
          out(s / "SelfAttention.o", c.heads * c.head_width, c.width, false),
          heads(c.heads) {}
    Tensor operator()(const Tensor& x, const Tensor& bias) const {
        const std::vector<Tensor> y = qkv(norm(x));
        return x + out(attention(y[0], y[1], y[2], {.heads = heads, .scale = 1}, bias));
    }
};

struct T5FeedForward {
    RmsNorm norm;
    Linear in;
    std::optional<Linear> gated;   // what the activation of `in` multiplies
    Linear out;
    Activation activation;

    T5FeedForward(Scope s, const T5Config& c)
        : norm(s / "layer_norm", c.width, c.eps),
          in(s / (c.gated ? "DenseReluDense.wi_0" : "DenseReluDense.wi"), c.width, c.hidden, false),
          out(s / "DenseReluDense.wo", c.hidden, c.width, false),
          activation(c.activation) {
        if (c.gated) gated.emplace(s / "DenseReluDense.wi_1", c.width, c.hidden, false);
    }
    Tensor operator()(const Tensor& x) const {
        const Tensor y = norm(x), z = in(y, activation);
        return x + out(gated ? z * (*gated)(y) : z);
    }
};

// Activations are f32 whatever the storage of the weights: published weights overflow f16 in the
// residuals and before the last layer of the gated blocks.
struct T5Encoder {
    T5Config config;
    Embedding tokens, biases;
    std::vector<T5Attention> attentions;
    std::vector<T5FeedForward> feed_forwards;
    RmsNorm final_norm;

    // `s` is the root of the file; of a whole T5 the decoder stays unread.
    T5Encoder(Scope s, const T5Config& c);

    // The last states [n, s, width] of ids i32 [n, s]; mask f32 [n, s] is 1 for text and 0 for
    // padding, or empty if all is text.
    Tensor operator()(const Tensor& ids, const Tensor& mask = {}) const;
};

}   // namespace kiln
