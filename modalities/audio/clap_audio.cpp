#include "modalities/audio/clap_audio.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "modalities/text/clap_text.h"
#include "runtime/nn/model_config.h"

namespace kiln {
namespace {

// Sizes that fold, and that windows and merging divide without a rest.
void check_sizes(const JsonObject& json, const ClapAudioConfig& c) {
    const auto refuse = [&](std::string_view key, const std::string& fact) {
        throw ResultError(json.error(key, fact));
    };
    if (c.side > 4096 || c.side % c.mels || c.side % c.folds())
        refuse("spec_size",
               "expected a multiple of num_mel_bins up to 4096; found " + std::to_string(c.side));
    if (c.depths.size() != c.heads.size())
        refuse("num_attention_heads", "expected as many entries as depths has");
    if (c.width > 4096) refuse("patch_embeds_hidden_size", "expected at most 4096");
    const int64_t last = int64_t(c.patch) * c.window << (c.stages() - 1);
    if (c.side % last)
        refuse("window_size", std::to_string(c.side) + " values a side are not whole windows of " +
                                  std::to_string(c.window) + " patches in every stage");
    for (int i = 0; i < c.stages(); i++)
        if ((c.width << i) % c.heads[size_t(i)])
            refuse("num_attention_heads", std::to_string(c.heads[size_t(i)]) +
                                              " heads do not divide a width of " +
                                              std::to_string(c.width << i));
}

ClapAudioConfig clap_audio_config(const JsonObject& file) {
    const ClapTower tower = clap_tower(file, "audio_config");
    const JsonObject& json = tower.json;
    ClapAudioConfig c;
    c.side = positive(json, "spec_size", c.side);
    c.mels = positive(json, "num_mel_bins", c.mels);
    c.patch = positive(json, "patch_size", c.patch);
    c.window = positive(json, "window_size", c.window);
    c.width = positive(json, "patch_embeds_hidden_size", c.width);
    c.depths = positives(json, "depths", c.depths, 1024, 8);
    c.heads = positives(json, "num_attention_heads", c.heads, 1024, 8);
    c.mlp_ratio = take(json.number("mlp_ratio", c.mlp_ratio));
    if (!(c.mlp_ratio > 0.01 && c.mlp_ratio <= 64))
        throw ResultError(json.error("mlp_ratio", "out of range"));
    c.qkv_bias = take(json.boolean("qkv_bias", true));
    c.patch_norm = take(json.boolean("enable_patch_layer_norm", true));
    c.eps = epsilon(json, "layer_norm_eps", 1e-5);
    c.activation = activation(json, "hidden_act", "gelu");
    require(json, "enable_fusion", false);
    require(json, "flatten_patch_embeds", true);
    if (positive(json, "patch_embed_input_channels", 1) != 1)
        throw ResultError(json.error("patch_embed_input_channels", "only 1 is supported"));
    const std::vector<int> stride = positives(json, "patch_stride", {c.patch}, 1024, 8);
    if (std::any_of(stride.begin(), stride.end(), [&](int s) { return s != c.patch; }))
        throw ResultError(
            json.error("patch_stride", "expected patch_size, " + std::to_string(c.patch)));
    c.projection = tower.projection;
    c.projection_activation = tower.activation;
    check_sizes(json, c);
    return c;
}

// Bicubic interpolation of `from` values to `to` with the ends aligned, as torch has it (a =
// -0.75), as a matrix [to, from].
Tensor bicubic(int64_t from, int64_t to) {
    constexpr double a = -0.75;
    const auto kernel = [](double t) {
        t = std::abs(t);
        return t <= 1  ? ((a + 2) * t - (a + 3)) * t * t + 1
               : t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
                       : 0;
    };
    std::vector<float> matrix(size_t(to * from), 0.0f);
    for (int64_t i = 0; i < to; i++) {
        const double at = to > 1 ? double(i) * double(from - 1) / double(to - 1) : 0;
        const int64_t base = int64_t(std::floor(at));
        for (int64_t k = base - 1; k <= base + 2; k++) {
            const int64_t source = std::clamp<int64_t>(k, 0, from - 1);
            matrix[size_t(i * from + source)] += float(kernel(at - double(k)));
        }
    }
    return constant({to, from}, matrix);
}

// An image moved by `amount` towards its origin along both sides, what leaves coming back.
Tensor rolled(const Tensor& x, int64_t amount) {
    Tensor y = x;
    for (int axis : {1, 2})
        y = concat({slice(y, axis, amount, y[axis]), slice(y, axis, 0, amount)}, axis);
    return y;
}

// An image [n, h, w, c] as its windows [n * windows, side * side, c], and back.
Tensor windows_of(const Tensor& x, int64_t side) {
    const int64_t rows = x[0] * x[1] / side, columns = x[2] / side, c = x[3];
    const Tensor strips = reshape(x, {rows, side, columns, side * c});
    return reshape(permute(strips, {0, 2, 1, 3}), {rows * columns, side * side, c});
}

Tensor from_windows(const Tensor& x, const Shape& image, int64_t side) {
    const int64_t rows = image[0] * image[1] / side, columns = image[2] / side;
    const Tensor strips = reshape(x, {rows, columns, side, side * image[3]});
    return reshape(permute(strips, {0, 2, 1, 3}), image);
}

// Rows of the bias table for every pair of positions in a window.
Tensor relative_positions(int window) {
    const int count = window * window, span = 2 * window - 1;
    std::vector<int32_t> rows;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            rows.push_back((i / window - j / window + window - 1) * span + i % window - j % window +
                           window - 1);
    return constant_i32({int64_t(count) * count}, rows);
}

// Where a shifted window wraps around, its parts do not see each other. [windows, 1, s, s]
Tensor wrap_mask(int64_t h, int64_t w, int window, int shift) {
    const auto part = [&](int64_t at, int64_t side) {
        return int(at >= side - window) + int(at >= side - shift);
    };
    const int64_t count = int64_t(window) * window, windows = h / window * (w / window);
    std::vector<float> mask;
    mask.reserve(size_t(windows * count * count));
    for (int64_t k = 0; k < windows; k++) {
        const int64_t top = k / (w / window) * window, left = k % (w / window) * window;
        const auto part_of = [&](int64_t i) {
            return 3 * part(top + i / window, h) + part(left + i % window, w);
        };
        for (int64_t i = 0; i < count; i++)
            for (int64_t j = 0; j < count; j++)
                mask.push_back(part_of(i) == part_of(j) ? 0.0f : -100.0f);
    }
    return constant({windows, 1, count, count}, mask);
}

}   // namespace

Result<ClapAudioConfig> parse_clap_audio_config(const JsonObject& json) {
    return parse_config(json, clap_audio_config);
}

WindowAttention::WindowAttention(Scope s, const ClapAudioConfig& c, int width, int heads, int shift)
    : qkv({s / "self.query", s / "self.key", s / "self.value"}, width, width, c.qkv_bias),
      out(s / "output.dense", width, width),
      bias_table(s.weights->table(s.child("self.relative_position_bias_table"),
                                  (2 * c.window - 1) * (2 * c.window - 1), heads)),
      heads(heads),
      window(c.window),
      shift(shift) {}

Tensor WindowAttention::bias(int64_t n, int64_t h, int64_t w) const {
    const int64_t count = int64_t(window) * window;
    const Tensor by_pair = gather(bias_table.at(0), relative_positions(window));
    const Tensor by_position =
        reshape(transpose(reshape(by_pair, {count * count, heads})), {1, heads, count, count});
    if (!shift) return by_position;
    const Tensor one = by_position + wrap_mask(h, w, window, shift);
    return concat(std::vector<Tensor>(size_t(n), one), 0);
}

Tensor WindowAttention::operator()(const Tensor& x) const {
    const Tensor windows = windows_of(shift ? rolled(x, shift) : x, window);
    const std::vector<Tensor> y = qkv(windows);
    const Tensor seen = attention(y[0], y[1], y[2], {.heads = heads}, bias(x[0], x[1], x[2]));
    const Tensor image = from_windows(out(seen), x.shape(), window);
    return shift ? rolled(image, x[1] - shift) : image;
}

SwinBlock::SwinBlock(Scope s, const ClapAudioConfig& c, int width, int heads, int shift)
    : norm1(s / "layernorm_before", width, c.eps),
      attention(s / "attention", c, width, heads, shift),
      norm2(s / "layernorm_after", width, c.eps),
      fc1(s / "intermediate.dense", width, int(c.mlp_ratio * width)),
      fc2(s / "output.dense", int(c.mlp_ratio * width), width),
      activation(c.activation) {}

Tensor PatchMerging::operator()(const Tensor& x) const {
    std::vector<Tensor> neighbours;
    for (int column : {0, 1})
        for (int row : {0, 1})
            neighbours.push_back(slice(slice(x, 1, row, x[1], 2), 2, column, x[2], 2));
    return reduction(norm(concat(neighbours, 3)));
}

ClapAudio::ClapAudio(Scope root, Scope s, const ClapAudioConfig& c)
    : config(c),
      patches(s / "patch_embed.proj", 1, c.width, c.patch, c.patch, 0, 0),
      norm(s / "norm", c.features()),
      projection1(root / "audio_projection.linear1", c.features(), c.projection),
      projection2(root / "audio_projection.linear2", c.projection, c.projection) {
    const auto of_bands = [&](const char* name) {
        return s.weights->vector((s / "batch_norm").child(name), c.mels);
    };
    constexpr float kBatchNormEps = 1e-5f;
    band_scale = of_bands("weight") * rsqrt(of_bands("running_var") + kBatchNormEps);
    band_shift = of_bands("bias") - of_bands("running_mean") * band_scale;
    if (c.patch_norm) patch_norm.emplace(s / "patch_embed.norm", c.width);
    for (int i = 0; i < c.stages(); i++) {
        const Scope here = s / "layers" / i;
        const int width = c.width << i, side = c.side / c.patch >> i;
        Stage& stage = stages.emplace_back();
        for (int j = 0; j < c.depths[size_t(i)]; j++) {
            const int shift = j % 2 && side > c.window ? c.window / 2 : 0;
            stage.blocks.emplace_back(here / "blocks" / j, c, width, c.heads[size_t(i)], shift);
        }
        if (i + 1 < c.stages()) stage.merge.emplace(here / "downsample", width);
    }
}

// Stretched to config.frames(), then cut into as many parts as there are folds and laid one under
// the other: [n, side, side, 1] with rows of frequencies and columns of time.
Tensor ClapAudio::folded(const Tensor& mel) const {
    const int64_t n = mel[0], frames = config.frames(), side = config.side;
    const Tensor x = mel * band_scale + band_shift;
    const Tensor stretched = x[1] == frames ? x : matmul(bicubic(x[1], frames), x);
    const Tensor parts = reshape(stretched, {n * config.folds(), side, config.mels});
    return reshape(transpose(parts), {n, side, side, 1});
}

Tensor ClapAudio::features(const Tensor& mel) const {
    if (mel.rank() != 3 || mel[2] != config.mels || mel[1] > config.frames())
        throw ModelError("[clap audio] a spectrogram " + to_string(mel.shape()) + ", of at most " +
                         std::to_string(config.frames()) + " frames of " +
                         std::to_string(config.mels) + " bands");
    Tensor x = patches(folded(mel));
    if (patch_norm) x = (*patch_norm)(x);
    for (const Stage& stage : stages) {
        for (const SwinBlock& block : stage.blocks) x = block(x);
        if (stage.merge) x = (*stage.merge)(x);
    }
    const Tensor pooled = reshape(mean(norm(x), {1, 2}), {x[0], x[3]});
    return projection2(projection1(pooled, config.projection_activation));
}

NameMap clap_audio_names(const std::vector<std::string>& names, std::string_view prefix) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kParts = {{
        {"bn0.", "batch_norm."},
        {".norm1.", ".layernorm_before."},
        {".norm2.", ".layernorm_after."},
        {".attn.proj.", ".attention.output.dense."},
        {".attn.relative_position_bias_table", ".attention.self.relative_position_bias_table"},
        {".mlp.fc1.", ".intermediate.dense."},
        {".mlp.fc2.", ".output.dense."},
        {"audio_projection.0.", "audio_projection.linear1."},
        {"audio_projection.2.", "audio_projection.linear2."},
    }};
    constexpr std::string_view branch = "audio_branch.", joined = ".attn.qkv.";
    NameMap map;
    for (const std::string& name : names) {
        if (!name.starts_with(prefix)) continue;
        std::string ours = name.substr(prefix.size());
        if (!ours.starts_with(branch) && !ours.starts_with("audio_projection.")) continue;
        if (ours.starts_with(branch)) ours.replace(0, branch.size(), "audio_model.audio_encoder.");
        for (const auto& [theirs, here] : kParts)
            if (const size_t at = ours.find(theirs); at != ours.npos)
                ours.replace(at, theirs.size(), here);
        const size_t at = ours.find(joined);
        if (at == ours.npos) {
            map[ours] = {name};
            continue;
        }
        int part = 0;
        for (const char* target : {"query.", "key.", "value."}) {
            std::string one = ours;
            one.replace(at, joined.size(), std::string(".attention.self.") + target);
            map[one] = {.name = name, .part = part++, .parts = 3};
        }
    }
    return map;
}

}   // namespace kiln
