// An AudioLDM model on disk, recognised and described, with the weights still in its files: a
// folder as diffusers writes it, or one file as the authors' code writes it. Liu et al. AudioLDM:
// Text-to-Audio Generation with Latent Diffusion Models. 2023.
#pragma once
#include <string>
#include <vector>

#include "modalities/audio/hifi_gan.h"
#include "modalities/diffusion/config.h"
#include "modalities/latent/checkpoint_part.h"
#include "modalities/latent/config.h"
#include "modalities/text/clap_text.h"
#include "modalities/text/tokenizer.h"

namespace kiln {

struct AudioLdm {
    std::string family;   // for people: "AudioLDM (folder)"
    UNetConfig unet;
    VaeConfig vae;   // of spectrograms [frames, mels, 1]
    HifiGanConfig vocoder;
    ClapTextConfig text;
    SchedulerConfig scheduler;
    Tokenizer tokenizer;
    CheckpointPart unet_part, vae_part, vocoder_part, text_part;
    int sample_size = 128;   // latents along the time that it was trained on
    double guidance = 0;     // what the model is best run with; 0: it does not say
    std::vector<std::string> expected_unused;   // in the files, though no network asks for it

    int hop() const { return vae.factor() * vocoder.hop(); }    // samples a latent
    int bands() const { return vocoder.mels / vae.factor(); }   // latents across
};

struct AudioLdmOptions {
    std::string variant;     // "fp16": the files of that name; empty: the plain ones, else any
    std::string tokenizer;   // a folder with RoBERTa's vocabulary, for files that carry none
};

// What is not recognised, or does not fit together, is Status::bad_file and says what was seen.
Result<AudioLdm> open_audioldm(const std::string& path, const AudioLdmOptions& options = {});

// The two kinds, for open_audioldm.
AudioLdm open_audioldm_folder(const std::string& path, const AudioLdmOptions& options);
AudioLdm open_audioldm_file(const std::string& path, const AudioLdmOptions& options);

}   // namespace kiln
