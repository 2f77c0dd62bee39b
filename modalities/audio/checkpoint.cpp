#include "modalities/audio/checkpoint.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "modalities/latent/model_folder.h"
#include "runtime/io/json.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> kPipelines = {"AudioLDMPipeline", "AudioLDM2Pipeline"};

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

struct Fit {
    const std::string& path;

    void same(const char* what, int found, int expected) const {
        if (found != expected)
            refuse(path, std::string(what) + ": " + std::to_string(found) + " and " +
                             std::to_string(expected) + " do not fit together");
    }
    void knows(const char* encoder, int tokens, const Tokenizer& tokenizer) const {
        if (tokenizer.vocabulary_size() > tokens)
            refuse(path, std::string(encoder) + " knows " + std::to_string(tokens) +
                             " tokens, the tokenizer has " +
                             std::to_string(tokenizer.vocabulary_size()));
    }
};

// Every transformer of the U-Net that looks at a text looks at one that there is.
void check_language(const AudioLdm& m, const Fit& fit) {
    const AudioLdm2Language& l = *m.language;
    fit.same("widths of CLAP's vector and what the projection takes", m.text.projection,
             l.projection.clap);
    fit.same("widths of T5's states and what the projection takes", l.t5.width, l.projection.text);
    fit.same("widths of the projection and the language model", l.projection.width, l.gpt2.width);
    fit.knows("the second text encoder", l.t5.vocabulary, l.tokenizer);
    if (l.longest() < 1)
        refuse(fit.path, "a language model of " + std::to_string(l.gpt2.positions) +
                             " positions has no room for a prompt");
    if (m.unet.class_embedding != ClassEmbedding::none || m.unet.chains.empty())
        refuse(fit.path, "a U-Net that is not told the text as AudioLDM 2's is (two texts)");
    for (int level = 0; level < m.unet.levels(); level++) {
        const std::vector<int> widths = m.unet.chain(level);
        for (size_t i = 0; i < widths.size(); i++) {
            if (widths[i] && i < 2)
                fit.same("widths of the first text that the U-Net takes and the language model",
                         widths[i], l.gpt2.width);
            if (widths[i] && i >= 2)
                fit.same("widths of the second text that the U-Net takes and T5's states",
                         widths[i], l.t5.width);
        }
    }
}

// The parts must fit each other before any of them is worth loading.
void check_fit(const AudioLdm& m, const std::string& path) {
    const Fit fit{path};
    if (m.language) {
        check_language(m, fit);
    } else {
        if (m.unet.class_embedding != ClassEmbedding::linear)
            refuse(path, "a U-Net that is not told the text as AudioLDM's is (simple_projection)");
        fit.same("widths of the text that the U-Net takes and the encoder gives",
                 m.unet.projection_width, m.text.projection);
    }
    fit.same("channels that the U-Net takes and the autoencoder's latents have", m.unet.in_channels,
             m.vae.latent_channels);
    fit.same("channels that the U-Net gives and the autoencoder's latents have",
             m.unet.out_channels, m.vae.latent_channels);
    fit.same("channels of the spectrogram that the autoencoder takes", m.vae.in_channels, 1);
    fit.same("channels of the spectrogram that the autoencoder gives", m.vae.out_channels, 1);
    if (m.vocoder.mels % m.vae.factor())
        refuse(path, "a vocoder of " + std::to_string(m.vocoder.mels) +
                         " mel bands for an autoencoder of factor " +
                         std::to_string(m.vae.factor()));
    fit.knows("the text encoder", m.text.vocabulary, m.tokenizer);
}

}   // namespace

AudioLdm open_audioldm_folder(const std::string& path, const AudioLdmOptions& options) {
    const ModelFolder folder(path);
    const bool second = folder.pipeline(kPipelines) == "AudioLDM2Pipeline";
    AudioLdm m;
    m.family = second ? "AudioLDM 2 (folder)" : "AudioLDM (folder)";
    m.tokenizer =
        take(Tokenizer::open((folder.root() / "tokenizer").string(), TokenizerKind::roberta));
    folder.expect_class("unet", second ? "AudioLDM2UNet2DConditionModel" : "UNet2DConditionModel");
    folder.expect_class("vae", "AutoencoderKL");
    folder.expect_class("text_encoder", second ? "ClapModel" : "ClapTextModelWithProjection");
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
    m.griffin_lim = folder.own_choice("_vocoder", {"model", "griffin-lim"}) == "griffin-lim";
    if (m.guidance == 0) m.guidance = second ? 3.5 : 2.5;   // of diffusers' pipelines
    if (second) m.steps = 200;
    if (!m.vocoder.normalised) m.expected_unused = {"mean", "scale"};
    if (second) read_language(folder, options, m);
    return m;
}

Result<AudioLdm> open_audioldm(const std::string& path, const AudioLdmOptions& options) {
    try {
        if (!fs::exists(path)) refuse(path, "no such file or folder");
        AudioLdm m = fs::is_directory(path) ? open_audioldm_folder(path, options)
                                            : open_audioldm_file(path, options);
        if (!m.language) drop_context(m, path);
        check_fit(m, path);
        return m;
    } catch (const ResultError& failure) {
        return failure.error;
    } catch (const fs::filesystem_error& failure) {
        return Error{Status::bad_file, path + ": " + failure.code().message()};
    }
}

}   // namespace kiln
