// What CLAP's audio tower sees of a sound: log-mel spectrograms of ten seconds.
// Wu et al. Large-Scale Contrastive Language-Audio Pretraining with Feature Fusion and
// Keyword-to-Caption Augmentation. 2023, section 4.3; as ClapFeatureExtractor of transformers.
#pragma once
#include <functional>

#include "modalities/audio/mel.h"

namespace kiln {

class JsonObject;   // runtime/io/json.h

struct ClapFeatureConfig {
    // fusion: a long sound is seen whole, shrunk in time, and as three excerpts; crop: as one
    // excerpt ("rand_trunc").
    enum class Truncation : uint8_t { fusion, crop };
    // A short one is repeated a whole number of times and then silent, repeated and cut, or silent.
    enum class Padding : uint8_t { repeat_and_pad, repeat, pad };

    int64_t samples = 480000;   // that are seen; longer sounds are truncated
    Truncation truncation = Truncation::fusion;
    Padding padding = Padding::repeat_and_pad;
    MelOptions mel = {.sample_rate = 48000,
                      .hop = 480,
                      .high = 14000,
                      .scale = MelScale::htk,
                      .norm = MelNorm::none,
                      .power = true,
                      .log = MelLog::decibels,
                      .floor = 1e-10f};

    int64_t frames() const { return samples / mel.hop + 1; }
};

// From a preprocessor_config.json; absent keys are those of transformers. Fusion takes the HTK
// filters, the other truncation Slaney's. Status::bad_file for what cannot be.
Result<ClapFeatureConfig> parse_clap_feature_config(const JsonObject& json);

struct ClapFeatures {
    int64_t channels = 0, frames = 0, bands = 0;   // 4 channels with fusion, else 1
    std::vector<float> values;                     // [channels, frames, bands], decibels
    // The sound was longer than what is seen. With fusion transformers says so of one sound of a
    // batch, taken at random, when it is true of none: of a single sound always.
    bool longer = false;
};

// Where excerpts begin is drawn: draw(count) is one of 0, ..., count - 1. Mono samples at the
// configuration's rate; an empty sound or one that is not finite: Status::usage.
Result<ClapFeatures> clap_features(const std::shared_ptr<Device>& device,
                                   std::span<const float> samples, const ClapFeatureConfig& config,
                                   const std::function<int64_t(int64_t count)>& draw);

}   // namespace kiln
