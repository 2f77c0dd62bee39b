#include "modalities/audio/stable_audio.h"

#include <cmath>
#include <numbers>

#include "runtime/nn/model_config.h"

namespace kiln {
namespace {

constexpr int kFourier = 128;   // frequencies of a number

StableAudioConfig transformer_config(const JsonObject& json) {
    StableAudioConfig c;
    c.length = positive(json, "sample_size", c.length);
    c.in_channels = positive(json, "in_channels", c.in_channels);
    c.out_channels = positive(json, "out_channels", c.out_channels);
    c.layers = positive(json, "num_layers", c.layers);
    c.heads = positive(json, "num_attention_heads", c.heads);
    c.head_width = positive(json, "attention_head_dim", c.head_width);
    c.kv_heads = positive(json, "num_key_value_attention_heads", c.kv_heads);
    c.context = positive(json, "cross_attention_dim", c.context);
    c.context_input = positive(json, "cross_attention_input_dim", c.context_input);
    c.global_input = positive(json, "global_states_input_dim", c.global_input);
    c.time_features = positive(json, "time_proj_dim", c.time_features);
    const auto refuse = [&](std::string_view key, const std::string& fact) {
        throw ResultError(json.error(key, fact));
    };
    if (c.heads % c.kv_heads)
        refuse("num_key_value_attention_heads",
               std::to_string(c.kv_heads) + " does not divide " + std::to_string(c.heads));
    if (c.head_width % 4 || c.head_width > 512)
        refuse("attention_head_dim",
               "expected a multiple of 4 up to 512; found " + std::to_string(c.head_width));
    if (c.heads > 1024) refuse("num_attention_heads", "expected at most 1024");
    if (c.layers > 1000) refuse("num_layers", "expected at most 1000");
    if (c.time_features % 2) refuse("time_proj_dim", "expected an even number");
    if (c.in_channels != c.out_channels) refuse("out_channels", "expected as many as in_channels");
    return c;
}

StableAudioProjectionConfig projection_config(const JsonObject& json) {
    StableAudioProjectionConfig c;
    c.text = positive(json, "text_encoder_dim", c.text);
    c.width = positive(json, "conditioning_dim", c.width);
    c.least = take(json.number("min_value", c.least));
    c.most = take(json.number("max_value", c.most));
    if (!(c.most > c.least && std::isfinite(c.most - c.least)))
        throw ResultError(json.error("max_value", "expected more than min_value"));
    return c;
}

// Positions of the sequence for the first half of each head: Su et al. RoFormer. 2021, section 3.2.
Tensor turns_of(int64_t length, int head_width) {
    const int half = head_width / 4;
    std::vector<float> turns;
    for (int64_t position = 0; position < length; position++)
        for (const bool sine : {false, true})
            for (int i = 0; i < half; i++) {
                const double angle = double(position) * std::pow(10000.0, -double(i) / half);
                turns.push_back(float(sine ? std::sin(angle) : std::cos(angle)));
            }
    return constant({length, 2, half}, turns);
}

// Keys or values [n, s, groups * d] with every head `times` in a row: [n, s, groups * times * d].
Tensor repeated(const Tensor& x, int groups, int times) {
    if (times == 1) return x;
    const int64_t n = x[0], s = x[1], d = x[2] / groups;
    const Tensor by_head = reshape(x, {n * s, groups, 1, d});
    return reshape(broadcast_to(by_head, {n * s, groups, times, d}), {n, s, groups * times * d});
}

}   // namespace

Result<StableAudioConfig> parse_stable_audio_config(const JsonObject& json) {
    return parse_config(json, transformer_config);
}

Result<StableAudioProjectionConfig> parse_stable_audio_projection_config(const JsonObject& json) {
    return parse_config(json, projection_config);
}

Tensor fourier_features(const Tensor& t, const Tensor& frequencies, bool cosines_first) {
    const Tensor turns = reshape(t, {t[0], 1}) * frequencies;
    const Tensor angles = turns * float(2 * std::numbers::pi);
    return cosines_first ? concat({cos(angles), sin(angles)}, 1)
                         : concat({sin(angles), cos(angles)}, 1);
}

StableAudioBlock::StableAudioBlock(Scope s, const StableAudioConfig& c)
    : norm1(s / "norm1", c.width()),
      qkv({s / "attn1.to_q", s / "attn1.to_k", s / "attn1.to_v"}, c.width(), c.width(), false),
      self_out(s / "attn1.to_out.0", c.width(), c.width(), false),
      norm2(s / "norm2", c.width()),
      q(s / "attn2.to_q", c.width(), c.width(), false),
      kv({s / "attn2.to_k", s / "attn2.to_v"}, c.context, c.kv_heads * c.head_width, false),
      cross_out(s / "attn2.to_out.0", c.width(), c.width(), false),
      norm3(s / "norm3", c.width()),
      ff_in(s / "ff.net.0.proj", c.width(), 8 * c.width()),
      ff_out(s / "ff.net.2", 4 * c.width(), c.width()),
      heads(c.heads),
      kv_heads(c.kv_heads) {}

Tensor StableAudioBlock::operator()(Tensor x, const Tensor& turns, const Tensor& context) const {
    const std::vector<Tensor> y = qkv(norm1(x));
    x = x + self_out(attention(rotary_embedding(y[0], turns, heads),
                               rotary_embedding(y[1], turns, heads), y[2], {.heads = heads}));
    const std::vector<Tensor> told = kv(context);
    const int times = heads / kv_heads;
    x = x + cross_out(attention(q(norm2(x)), repeated(told[0], kv_heads, times),
                                repeated(told[1], kv_heads, times), {.heads = heads}));
    const std::vector<Tensor> gated = split(ff_in(norm3(x)), 2);
    return x + ff_out(gated[0] * silu(gated[1]));
}

StableAudioTransformer::StableAudioTransformer(Scope s, const StableAudioConfig& c)
    : config(c),
      frequencies(s.weights->vector(s.child("time_proj.weight"), c.time_features / 2)),
      time(s / "timestep_proj", c.time_features, c.width(), true),
      global(s / "global_proj", c.global_input, c.width(), false),
      context(s / "cross_attention_proj", c.context_input, c.context, false),
      before(s / "preprocess_conv", c.in_channels, c.in_channels, false),
      in(s / "proj_in", c.in_channels, c.width(), false),
      out(s / "proj_out", c.width(), c.out_channels, false),
      after(s / "postprocess_conv", c.out_channels, c.out_channels, false) {
    for (int i = 0; i < c.layers; i++) blocks.emplace_back(s / "transformer_blocks" / i, c);
}

Tensor StableAudioTransformer::operator()(const StableAudioInputs& given) const {
    const int64_t n = given.latent[0], t = given.latent[1];
    const Tensor told = as(context(given.context), given.dtype);
    const Tensor first =
        global(given.global) + time(fourier_features(given.timestep, frequencies, true));
    const Tensor x0 = in(before(given.latent) + given.latent);
    Tensor x = as(concat({reshape(first, {n, 1, config.width()}), x0}, 1), given.dtype);
    const Tensor turns = turns_of(t + 1, config.head_width);
    for (const StableAudioBlock& block : blocks) x = block(x, turns, told);
    const Tensor y = out(as(slice(x, 1, 1, t + 1), DType::f32));
    return after(y) + y;
}

StableAudioProjection::StableAudioProjection(Scope s, const StableAudioProjectionConfig& c)
    : config(c),
      start(number(s / "start_number_conditioner.time_positional_embedding")),
      end(number(s / "end_number_conditioner.time_positional_embedding")) {
    if (c.text != c.width) text.emplace(s / "text_projection", c.text, c.width);
}

StableAudioProjection::Number StableAudioProjection::number(Scope s) const {
    return {s.weights->vector(s.child("0.weights"), kFourier),
            Linear(s / 1, 2 * kFourier + 1, config.width)};
}

Tensor StableAudioProjection::embedded(const Number& number, const Tensor& seconds) const {
    const float least = float(config.least), most = float(config.most);
    const Tensor share =
        affine(clamp(seconds, least, most), 1 / (most - least), -least / (most - least));
    const Tensor features = concat(
        {reshape(share, {share[0], 1}), fourier_features(share, number.frequencies, false)}, 1);
    return reshape(number.linear(features), {share[0], 1, config.width});
}

}   // namespace kiln
