// An AudioLDM or AudioLDM 2 model on disk, recognised and described, with the weights still in its
// files: a folder as diffusers writes it, or one file as AudioLDM's authors write it. Liu et al.
// AudioLDM: Text-to-Audio Generation with Latent Diffusion Models. 2023; AudioLDM 2: Learning
// Holistic Audio Generation with Self-supervised Pretraining. 2024.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "modalities/audio/hifi_gan.h"
#include "modalities/diffusion/config.h"
#include "modalities/latent/checkpoint_part.h"
#include "modalities/latent/config.h"
#include "modalities/text/audioldm2_projection.h"
#include "modalities/text/clap_text.h"
#include "modalities/text/gpt2.h"
#include "modalities/text/t5.h"
#include "modalities/text/tokenizer.h"

namespace kiln {

// What AudioLDM 2 makes of a prompt beside CLAP's vector: the states of T5, and those that a
// language model goes on with after both.
struct AudioLdm2Language {
    T5Config t5;
    AudioLdm2ProjectionConfig projection;
    Gpt2Config gpt2;
    Tokenizer tokenizer;   // T5's
    CheckpointPart t5_part, projection_part, gpt2_part;

    // Tokens of T5 that a prompt may have, which stand with five others before what is generated.
    int longest() const;
};

struct AudioLdm {
    std::string family;   // for people: "AudioLDM (folder)"
    UNetConfig unet;
    VaeConfig vae;   // of spectrograms [frames, mels, 1]
    HifiGanConfig vocoder;
    ClapTextConfig text;
    SchedulerConfig scheduler;
    Tokenizer tokenizer;
    CheckpointPart unet_part, vae_part, vocoder_part, text_part;
    std::optional<AudioLdm2Language> language;   // of AudioLDM 2
    int sample_size = 128;                       // latents along the time that it was trained on
    double guidance = 0;                         // what the model is best run with,
    int steps = 25;                              // and for how long
    bool griffin_lim = false;                    // speaks by it, unless asked otherwise
    std::vector<std::string> expected_unused;    // in the files, though no network asks for it

    int hop() const { return vae.factor() * vocoder.hop(); }    // samples a latent
    int bands() const { return vocoder.mels / vae.factor(); }   // latents across
};

class ModelFolder;   // modalities/latent/model_folder.h

struct AudioLdmOptions {
    std::string variant;     // "fp16": the files of that name; empty: the plain ones, else any
    std::string tokenizer;   // a folder with RoBERTa's vocabulary, for files that carry none
};

// What is not recognised, or does not fit together, is Status::bad_file and says what was seen.
Result<AudioLdm> open_audioldm(const std::string& path, const AudioLdmOptions& options = {});

// The kinds, for open_audioldm.
AudioLdm open_audioldm_folder(const std::string& path, const AudioLdmOptions& options);
void read_language(const ModelFolder& folder, const AudioLdmOptions& options, AudioLdm& model);
AudioLdm open_audioldm_file(const std::string& path, const AudioLdmOptions& options);

}   // namespace kiln
