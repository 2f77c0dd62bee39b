#include "modalities/audio/stable_audio_checkpoint.h"

#include <array>

#include "modalities/latent/model_folder.h"

namespace kiln {
namespace {

constexpr std::array<std::string_view, 1> kPipelines = {"StableAudioPipeline"};
constexpr int kMostTokens = 4096;
constexpr int64_t kMostSamples = int64_t(1) << 28;

[[noreturn]] void refuse(const std::string& where, const std::string& fact) {
    throw ResultError({Status::bad_file, where + ": " + fact});
}

// The parts must fit each other before any of them is worth loading.
void check_fit(const StableAudio& m, const std::string& path) {
    const auto differ = [&](const char* what, int found, int expected) {
        if (found != expected)
            refuse(path, std::string(what) + ": " + std::to_string(found) + " and " +
                             std::to_string(expected) + " do not fit together");
    };
    differ("widths of the text that the projection takes and the encoder gives", m.projection.text,
           m.text.width);
    differ("widths of the text that the transformer takes and the projection gives",
           m.transformer.context_input, m.projection.width);
    differ("widths of start and end that the transformer takes and the projection gives",
           m.transformer.global_input, 2 * m.projection.width);
    differ("channels that the transformer takes and the autoencoder's latents have",
           m.transformer.in_channels, m.vae.latent_channels);
    if (m.tokenizer.vocabulary_size() > m.text.vocabulary)
        refuse(path, "the text encoder knows " + std::to_string(m.text.vocabulary) +
                         " tokens, the tokenizer has " +
                         std::to_string(m.tokenizer.vocabulary_size()));
    if (m.tokenizer.max_length() > kMostTokens)
        refuse(path, "a tokenizer of " + std::to_string(m.tokenizer.max_length()) +
                         " tokens a text; expected at most " + std::to_string(kMostTokens));
    if (!m.scheduler.cosine)
        refuse(path, "a scheduler of class " + m.scheduler.class_name +
                         "; expected CosineDPMSolverMultistepScheduler");
    if (int64_t(m.transformer.length) * m.vae.factor() > kMostSamples)
        refuse(path, std::to_string(m.transformer.length) + " latents of " +
                         std::to_string(m.vae.factor()) + " samples each are too many");
}

}   // namespace

StableAudio open_stable_audio(const std::string& path, const std::string& variant) {
    const ModelFolder folder(path);
    folder.pipeline(kPipelines);
    StableAudio m;
    m.family = "Stable Audio Open (folder)";
    folder.expect_class("text_encoder", "T5EncoderModel");
    folder.expect_class("projection_model", "StableAudioProjectionModel");
    folder.expect_class("transformer", "StableAudioDiTModel");
    folder.expect_class("vae", "AutoencoderOobleck");
    m.tokenizer = take(Tokenizer::open((folder.root() / "tokenizer").string(), TokenizerKind::t5));
    m.text = take(parse_t5_config(folder.config("text_encoder").object()));
    m.projection =
        take(parse_stable_audio_projection_config(folder.config("projection_model").object()));
    m.transformer = take(parse_stable_audio_config(folder.config("transformer").object()));
    m.vae = take(parse_oobleck_config(folder.config("vae").object()));
    m.scheduler = folder.scheduler();
    m.guidance = folder.own_number("_guidance_scale", 1, 100);
    check_fit(m, path);
    m.text_part.files = folder.weights("text_encoder", variant);
    m.projection_part.files = folder.weights("projection_model", variant);
    m.transformer_part.files = folder.weights("transformer", variant);
    m.vae_part.files = folder.weights("vae", variant);
    return m;
}

}   // namespace kiln
