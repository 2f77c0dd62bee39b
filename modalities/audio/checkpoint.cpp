#include "modalities/audio/checkpoint.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "modalities/latent/model_folder.h"
#include "runtime/io/json.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 1> kPipelines = {"AudioLDMPipeline"};

[[noreturn]] void refuse(const std::string& where, const std::string& fact) {
    throw ResultError({Status::bad_file, where + ": " + fact});
}

// The U-Net is given no text to look at: every transformer must be as wide as its own level, and
// looks at itself twice.
void drop_context(AudioLdm& m, const std::string& path) {
    for (int level = 0; level < m.unet.levels(); level++) {
        int& context = m.unet.context[size_t(level)];
        if (context && context != m.unet.channels[size_t(level)])
            refuse(path, "a U-Net that takes a context of " + std::to_string(context) +
                             "; AudioLDM's takes none, but is told the text beside the time");
        context = 0;
    }
}

// The parts must fit each other before any of them is worth loading.
void check_fit(const AudioLdm& m, const std::string& path) {
    const auto differ = [&](const char* what, int found, int expected) {
        if (found != expected)
            refuse(path, std::string(what) + ": " + std::to_string(found) + " and " +
                             std::to_string(expected) + " do not fit together");
    };
    if (m.unet.class_embedding != ClassEmbedding::linear)
        refuse(path, "a U-Net that is not told the text as AudioLDM's is (simple_projection)");
    differ("widths of the text that the U-Net takes and the encoder gives", m.unet.projection_width,
           m.text.projection);
    differ("channels that the U-Net takes and the autoencoder's latents have", m.unet.in_channels,
           m.vae.latent_channels);
    differ("channels that the U-Net gives and the autoencoder's latents have", m.unet.out_channels,
           m.vae.latent_channels);
    differ("channels of the spectrogram that the autoencoder takes", m.vae.in_channels, 1);
    differ("channels of the spectrogram that the autoencoder gives", m.vae.out_channels, 1);
    if (m.vocoder.mels % m.vae.factor())
        refuse(path, "a vocoder of " + std::to_string(m.vocoder.mels) +
                         " mel bands for an autoencoder of factor " +
                         std::to_string(m.vae.factor()));
    if (m.tokenizer.vocabulary_size() > m.text.vocabulary)
        refuse(path, "the text encoder knows " + std::to_string(m.text.vocabulary) +
                         " tokens, the tokenizer has " +
                         std::to_string(m.tokenizer.vocabulary_size()));
}

}   // namespace

AudioLdm open_audioldm_folder(const std::string& path, const AudioLdmOptions& options) {
    const ModelFolder folder(path);
    folder.pipeline(kPipelines);
    AudioLdm m;
    m.family = "AudioLDM (folder)";
    m.tokenizer =
        take(Tokenizer::open((folder.root() / "tokenizer").string(), TokenizerKind::roberta));
    folder.expect_class("unet", "UNet2DConditionModel");
    folder.expect_class("vae", "AutoencoderKL");
    folder.expect_class("text_encoder", "ClapTextModelWithProjection");
    folder.expect_class("vocoder", "SpeechT5HifiGan");
    const ModelFolder::Config unet = folder.config("unet"), vae = folder.config("vae"),
                              text = folder.config("text_encoder"),
                              vocoder = folder.config("vocoder");
    m.unet = take(parse_unet_config(unet.object()));
    m.sample_size =
        int(take(unet.object().integers("sample_size", std::vector<int64_t>{128})).at(0));
    m.vae = take(parse_vae_config(vae.object()));
    m.text = take(parse_clap_text_config(text.object()));
    m.vocoder = take(parse_hifi_gan_config(vocoder.object()));
    m.unet_part.files = folder.weights("unet", options.variant);
    m.vae_part.files = folder.weights("vae", options.variant);
    m.text_part.files = folder.weights("text_encoder", options.variant);
    m.vocoder_part.files = folder.weights("vocoder", options.variant);
    m.scheduler = folder.scheduler();
    m.guidance = folder.own_number("_guidance_scale", 1, 100);
    if (!m.vocoder.normalised) m.expected_unused = {"mean", "scale"};
    return m;
}

Result<AudioLdm> open_audioldm(const std::string& path, const AudioLdmOptions& options) {
    try {
        if (!fs::exists(path)) refuse(path, "no such file or folder");
        AudioLdm m = fs::is_directory(path) ? open_audioldm_folder(path, options)
                                            : open_audioldm_file(path, options);
        drop_context(m, path);
        check_fit(m, path);
        return m;
    } catch (const ResultError& failure) {
        return failure.error;
    } catch (const fs::filesystem_error& failure) {
        return Error{Status::bad_file, path + ": " + failure.code().message()};
    }
}

}   // namespace kiln
