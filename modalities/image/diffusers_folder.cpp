// Folders of diffusers that hold a model for pictures.
#include <array>

#include "modalities/image/checkpoint.h"
#include "modalities/latent/model_folder.h"

namespace kiln {
namespace {

constexpr std::array<std::string_view, 8> kPipelines = {
    "StableDiffusionPipeline",          "StableDiffusionImg2ImgPipeline",
    "StableDiffusionInpaintPipeline",   "StableDiffusionXLPipeline",
    "StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLInpaintPipeline",
    "LatentConsistencyModelPipeline",   "LatentConsistencyModelImg2ImgPipeline"};

CheckpointText text_encoder(const ModelFolder& folder, const std::string& suffix, bool penultimate,
                            const CheckpointOptions& options) {
    const ModelFolder::Config found = folder.config("text_encoder" + suffix);
    const JsonObject config = found.object();
    CheckpointText text{
        .part = {folder.weights("text_encoder" + suffix, options.variant), {}},
        .config = take(parse_clip_text_config(config)),
        .tokenizer = take(Tokenizer::open((folder.root() / ("tokenizer" + suffix)).string())),
        .penultimate = penultimate};
    if (text.tokenizer.vocabulary_size() > text.config.vocabulary)
        throw ResultError(
            config.error("vocab_size", std::to_string(text.config.vocabulary) +
                                           " is less than the tokenizer's " +
                                           std::to_string(text.tokenizer.vocabulary_size())));
    return text;
}

}   // namespace

Checkpoint open_diffusers_folder(const std::string& path, const CheckpointOptions& options) {
    const ModelFolder folder(path);
    const JsonObject index = folder.index();
    Checkpoint model;
    model.family = folder.pipeline(kPipelines) + " (folder)";
    folder.expect_class("unet", "UNet2DConditionModel");
    folder.expect_class("vae", "AutoencoderKL");
    model.zero_negative = take(index.boolean("force_zeros_for_empty_prompt", false));
    model.guidance = folder.own_number("_guidance_scale", 1, 100);
    model.aesthetic_score = take(index.boolean("requires_aesthetics_score", false));

    const ModelFolder::Config unet = folder.config("unet"), vae = folder.config("vae");
    model.unet = take(parse_unet_config(unet.object()));
    model.sample_size =
        int(take(unet.object().integers("sample_size", std::vector<int64_t>{64})).at(0));
    model.vae = take(parse_vae_config(vae.object()));
    model.unet_part.files = folder.weights("unet", options.variant);
    model.vae_part.files = folder.weights("vae", options.variant);
    model.scheduler = folder.scheduler();

    const bool penultimate = model.unet.addition_time_width > 0;
    if (!folder.class_of("text_encoder").empty()) {
        folder.expect_class("text_encoder", "CLIPTextModel");
        model.texts.push_back(text_encoder(folder, "", penultimate, options));
    }
    if (!folder.class_of("text_encoder_2").empty()) {
        folder.expect_class("text_encoder_2", "CLIPTextModelWithProjection");
        model.texts.push_back(text_encoder(folder, "_2", penultimate, options));
    }
    if (model.texts.empty())
        throw ResultError({Status::bad_file, folder.index_file() + ": no text_encoder"});
    return model;
}

}   // namespace kiln
