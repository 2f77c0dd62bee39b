// A Stable Audio Open model on disk, recognised and described, with the weights still in its files:
// a folder as diffusers writes it (StableAudioPipeline). Evans et al. Stable Audio Open. 2024.
#pragma once
#include <string>

#include "modalities/audio/oobleck.h"
#include "modalities/audio/stable_audio.h"
#include "modalities/diffusion/config.h"
#include "modalities/latent/checkpoint_part.h"
#include "modalities/text/t5.h"
#include "modalities/text/tokenizer.h"

namespace kiln {

struct StableAudio {
    std::string family;   // for people
    T5Config text;
    StableAudioProjectionConfig projection;
    StableAudioConfig transformer;
    OobleckConfig vae;
    SchedulerConfig scheduler;
    Tokenizer tokenizer;
    CheckpointPart text_part, projection_part, transformer_part, vae_part;
    double guidance = 0;   // what the model is best run with; 0: it does not say

    // Seconds that it makes always, of which a shorter sound is the beginning.
    double longest() const { return double(transformer.length) * vae.factor() / vae.sample_rate; }
};

// `variant`: "fp16": the files of that name; empty: the plain ones, else any. What is not
// recognised, or does not fit together, is a ResultError (Status::bad_file) that says what was
// seen.
StableAudio open_stable_audio(const std::string& path, const std::string& variant = {});

}   // namespace kiln
