// A latent diffusion model on disk, recognised and described, with the weights still in its files:
// a folder as diffusers writes it, or one file as the latent diffusion code base writes it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "modalities/diffusion/config.h"
#include "modalities/latent/checkpoint_part.h"
#include "modalities/latent/config.h"
#include "modalities/text/clip_text.h"
#include "modalities/text/tokenizer.h"
#include "runtime/nn/weights.h"

namespace kiln {

struct CheckpointText {
    CheckpointPart part;
    ClipTextConfig config;
    Tokenizer tokenizer;
    bool penultimate = false;   // the U-Net sees the states before the last layer, not normalised
};

struct Checkpoint {
    std::string family;   // for people: "Stable Diffusion 1.x (one file)", ...
    UNetConfig unet;
    VaeConfig vae;
    SchedulerConfig scheduler;
    CheckpointPart unet_part, vae_part;
    std::vector<CheckpointText> texts;   // their states lie side by side in the context
    int sample_size = 64;                // latents a side of the pictures it was trained on
    double guidance = 0;                 // what the model is best run with; 0: it does not say
    bool zero_negative = false;          // without a negative prompt its states are zeros
    bool aesthetic_score = false;        // the last time id is a score, not a size
    std::vector<std::string>
        expected_unused;   // in the files on purpose, though no network asks for it
};

struct CheckpointOptions {
    std::string variant;     // "fp16": the files of that name; empty: the plain ones, else any
    std::string tokenizer;   // a folder for files that carry no vocabulary
    std::string vae;         // a file or folder whose autoencoder replaces the model's own
    std::string
        prediction;   // "epsilon", "v_prediction", ...: what the U-Net predicts, if known better
};

// What is not recognised is Status::bad_file and says what was seen.
Result<Checkpoint> open_checkpoint(const std::string& path, const CheckpointOptions& options = {});

// The two kinds, for open_checkpoint.
Checkpoint open_diffusers_folder(const std::string& path, const CheckpointOptions& options);
Checkpoint open_single_file(const std::string& path, const CheckpointOptions& options);

}   // namespace kiln
