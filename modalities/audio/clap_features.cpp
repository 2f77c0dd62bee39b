#include "modalities/audio/clap_features.h"

#include <algorithm>

#include "runtime/nn/model_config.h"

namespace kiln {
namespace {

using Config = ClapFeatureConfig;

ClapFeatureConfig clap_feature_config(const JsonObject& json) {
    Config c;
    c.truncation = one_of(json, "truncation", {"fusion", "rand_trunc"}) == "fusion"
                       ? Config::Truncation::fusion
                       : Config::Truncation::crop;
    const std::string padding = one_of(json, "padding", {"repeatpad", "repeat", "pad"});
    c.padding = padding == "repeat" ? Config::Padding::repeat
                : padding == "pad"  ? Config::Padding::pad
                                    : Config::Padding::repeat_and_pad;
    MelOptions& m = c.mel;
    m.sample_rate = positive(json, "sampling_rate", m.sample_rate);
    m.n_fft = m.window = positive(json, "fft_window_size", m.n_fft);
    m.padding = m.n_fft / 2;
    m.hop = positive(json, "hop_length", m.hop);
    m.bands = positive(json, "feature_size", m.bands);
    m.low = take(json.number("frequency_min", m.low));
    m.high = take(json.number("frequency_max", m.high));
    if (c.truncation == Config::Truncation::crop) {
        m.scale = MelScale::slaney;
        m.norm = MelNorm::slaney;
    }
    if (auto good = check(m); !good)
        throw ResultError({Status::bad_file, json.where() + ": " + good.error().message});
    c.samples = int64_t(positive(json, "max_length_s", 10)) * m.sample_rate;
    if (c.samples > int64_t(1) << 28 || c.samples <= m.padding)
        throw ResultError(json.error("max_length_s", "no such length can be heard"));
    return c;
}

std::vector<float> lengthened(std::span<const float> samples, const Config& c) {
    const int64_t count = int64_t(samples.size());
    std::vector<float> result(size_t(c.samples), 0.0f);
    const int64_t filled = c.padding == Config::Padding::repeat ? c.samples
                           : c.padding == Config::Padding::pad  ? count
                                                                : c.samples / count * count;
    for (int64_t i = 0; i < filled; i++) result[size_t(i)] = samples[size_t(i % count)];
    return result;
}

// Frames of a spectrogram, resampled linearly to `frames` of them.
std::vector<float> shrunk(const Mel& mel, int64_t frames) {
    std::vector<float> result;
    for (int64_t i = 0; i < frames; i++) {
        const double ratio = double(mel.frames) / double(frames);
        const double at = std::max((double(i) + 0.5) * ratio - 0.5, 0.0);
        const int64_t low = int64_t(at), high = std::min(low + 1, mel.frames - 1);
        const float weight = float(at - double(low));
        for (int64_t band = 0; band < mel.bands; band++)
            result.push_back((1 - weight) * mel.values[size_t(low * mel.bands + band)] +
                             weight * mel.values[size_t(high * mel.bands + band)]);
    }
    return result;
}

// The whole, and an excerpt from each third of where one can begin.
std::vector<float> fused(const Mel& mel, int64_t frames,
                         const std::function<int64_t(int64_t)>& draw) {
    std::vector<float> result = shrunk(mel, frames);
    const int64_t places = mel.frames - frames + 1;
    int64_t first = 0;
    for (int64_t third = 0; third < 3; third++) {
        const int64_t size = places / 3 + (third < places % 3);
        const int64_t begin = size ? first + draw(size) : draw(1);
        const auto from = mel.values.begin() + begin * mel.bands;
        result.insert(result.end(), from, from + frames * mel.bands);
        first += size;
    }
    return result;
}

}   // namespace

Result<ClapFeatureConfig> parse_clap_feature_config(const JsonObject& json) {
    return parse_config(json, clap_feature_config);
}

Result<ClapFeatures> clap_features(const std::shared_ptr<Device>& device,
                                   std::span<const float> samples, const ClapFeatureConfig& c,
                                   const std::function<int64_t(int64_t count)>& draw) {
    if (samples.empty()) return Error{Status::usage, "an empty sound has no features"};
    const bool fusion = c.truncation == Config::Truncation::fusion;
    const int64_t more = int64_t(samples.size()) - c.samples;
    std::vector<float> padded;
    if (more < 0) samples = padded = lengthened(samples, c);
    if (more > 0 && !fusion) samples = samples.subspan(size_t(draw(more + 1)), size_t(c.samples));
    Result<Mel> mel = mel_spectrogram(device, samples, c.mel);
    if (!mel) return mel.error();
    ClapFeatures features{fusion ? 4 : 1, c.frames(), c.mel.bands, {}, more > 0};
    if (fusion && mel->frames > c.frames()) {
        features.values = fused(*mel, c.frames(), draw);
        return features;
    }
    if (fusion) features.longer = false;
    for (int64_t i = 0; i < features.channels; i++)
        features.values.insert(features.values.end(), mel->values.begin(), mel->values.end());
    return features;
}

}   // namespace kiln
