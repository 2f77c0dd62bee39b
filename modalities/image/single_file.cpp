// Single-file checkpoints of the latent diffusion code base, recognised from names and shapes.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "modalities/image/checkpoint.h"
#include "modalities/latent/ldm_names.h"
#include "modalities/latent/shapes.h"
#include "modalities/latent/single_file.h"
#include "runtime/io/json.h"

namespace kiln {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& fact) {
    throw ResultError({Status::bad_file, where + ": " + fact});
}

// Text encoders by the prefix of their tensors: the family is known by then, so what is missing is
// a missing tensor and not another family.
struct TextForm {
    std::string_view prefix;
    bool openclip;
};

NameMap text_names(const std::vector<std::string>& names, const TextForm& form) {
    return form.openclip ? openclip_text_names(names, form.prefix)
                         : hf_text_names(names, form.prefix);
}

CheckpointText text_encoder(const Checkpoint& model, const std::vector<std::string>& names,
                            const TextForm& form, const std::string& where,
                            const CheckpointOptions& options) {
    CheckpointText text{.part = {model.unet_part.files, text_names(names, form)},
                        .config = {},
                        .tokenizer = take(Tokenizer::open(options.tokenizer))};
    text.config = clip_text_config_from(shapes_of(*text.part.files, text.part.names), where);
    text.config.activation = form.openclip ? Activation::gelu : Activation::quick_gelu;
    text.config.end_token = text.tokenizer.eos();
    if (form.openclip) text.tokenizer.pad_with(0);
    if (text.tokenizer.vocabulary_size() > text.config.vocabulary)
        refuse(where, "the text encoder knows " + std::to_string(text.config.vocabulary) +
                          " tokens, the tokenizer in " + options.tokenizer + " has " +
                          std::to_string(text.tokenizer.vocabulary_size()));
    return text;
}

// Standard deviation of a vector, by which ComfyUI tells SD 2.x models that predict v.
double deviation(const TensorFiles& files, const std::string& name) {
    const auto entry = files.find(name);
    if (!entry) return 0;
    const std::vector<float> values = take(entry->file->values(*entry->info));
    double sum = 0, squares = 0;
    for (float v : values) sum += v, squares += double(v) * v;
    const double n = double(values.size()), mean = sum / n;
    return std::sqrt(std::max(0.0, (squares - n * mean * mean) / std::max(1.0, n - 1)));
}

SchedulerConfig scheduler(const std::string& class_name, bool v, bool zero_snr,
                          const std::string& extra) {
    return take(parse_scheduler_config(
        R"({"_class_name": ")" + class_name +
        R"(", "beta_schedule": "scaled_linear", "beta_start": 0.00085,
            "beta_end": 0.012, "num_train_timesteps": 1000, "steps_offset": 1,
            "prediction_type": ")" +
        (v ? "v_prediction" : "epsilon") + R"(", "rescale_betas_zero_snr": )" +
        (zero_snr ? "true" : "false") + extra + "}"));
}

constexpr const char* kPlms = R"(, "skip_prk_steps": true, "set_alpha_to_one": false)";
constexpr const char* kDdim = R"(, "clip_sample": false, "set_alpha_to_one": false)";
constexpr const char* kLeading = R"(, "timestep_spacing": "leading")";
constexpr const char* kTrailing = R"(, "timestep_spacing": "trailing")";

void make_sd1(Checkpoint& m, const std::vector<std::string>& names, const std::string& where,
              const CheckpointOptions& o) {
    m.family = "Stable Diffusion 1.x (one file)";
    m.scheduler = scheduler("PNDMScheduler", false, false, kPlms);
    m.texts.push_back(text_encoder(m, names, {"cond_stage_model.transformer.", false}, where, o));
}

void make_sd2(Checkpoint& m, const std::vector<std::string>& names, const std::string& where,
              const CheckpointOptions& o) {
    m.family = "Stable Diffusion 2.x (one file)";
    const bool v = deviation(*m.unet_part.files,
                             std::string(kLdmUNet) +
                                 "output_blocks.11.1.transformer_blocks.0.norm1.bias") > 0.09;
    m.sample_size = v ? 96 : 64;
    m.scheduler = scheduler("DDIMScheduler", v, false, kDdim);
    m.texts.push_back(text_encoder(m, names, {"cond_stage_model.model.", true}, where, o));
    // The U-Net was trained on the normalised states before the last layer, which is then not
    // needed.
    const std::string last = "cond_stage_model.model.transformer.resblocks." +
                             std::to_string(--m.texts[0].config.layers) + ".";
    for (const std::string& name : names)
        if (name.starts_with(last) || name == "cond_stage_model.model.text_projection")
            m.expected_unused.push_back(name);
    m.texts[0].part.names.erase("text_projection.weight");
}

void make_sdxl(Checkpoint& m, const std::vector<std::string>& names, const std::string& where,
               const CheckpointOptions& o, bool refiner) {
    m.family =
        refiner ? "Stable Diffusion XL refiner (one file)" : "Stable Diffusion XL (one file)";
    m.sample_size = 128;
    m.aesthetic_score = refiner;
    m.vae.scale = 0.13025f;
    m.vae.force_upcast = true;
    const auto has = [&](const char* name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    const bool zero_snr = has("ztsnr");
    m.scheduler = scheduler("EulerDiscreteScheduler", has("v_pred"), zero_snr,
                            zero_snr ? kTrailing : kLeading);
    for (const char* mark : {"v_pred", "ztsnr"}) m.expected_unused.push_back(mark);
    if (!refiner)
        m.texts.push_back(
            text_encoder(m, names, {"conditioner.embedders.0.transformer.", false}, where, o));
    const char* big = refiner ? "conditioner.embedders.0.model." : "conditioner.embedders.1.model.";
    m.texts.push_back(text_encoder(m, names, {big, true}, where, o));
    for (CheckpointText& text : m.texts) text.penultimate = true;
    m.zero_negative = !refiner;
}

[[noreturn]] void refuse_family(const Checkpoint& m, const std::string& where) {
    refuse(where, "a U-Net with " + std::to_string(m.unet.in_channels) +
                      " input channels, a context of " + std::to_string(m.unet.context[0]) +
                      " and " +
                      (m.unet.projection_width
                           ? "an added embedding of " + std::to_string(m.unet.projection_width)
                           : std::string("no added embedding")) +
                      ": not Stable Diffusion 1.x (768, none), 2.x (1024, none), XL (2048, 2816) "
                      "or its refiner (1280, 2560)");
}

}   // namespace

Checkpoint open_single_file(const std::string& path, const CheckpointOptions& options) {
    const auto files = std::make_shared<const TensorFiles>(take(TensorFiles::open(path)));
    const std::vector<std::string> names = names_in(*files);
    if (!any_begins(names, kLdmUNet))
        refuse(path, "no \"" + std::string(kLdmUNet) +
                         "...\": not a latent diffusion checkpoint; " + sample_of(names));
    if (!any_begins(names, kLdmVae))
        refuse(path,
               "the U-Net comes without its autoencoder (\"" + std::string(kLdmVae) + "...\")");

    Checkpoint model;
    model.unet_part = {files, ldm_unet_names(names, kLdmUNet)};
    model.vae_part = {files, ldm_vae_names(names, kLdmVae)};
    model.unet = unet_config_from(shapes_of(*files, model.unet_part.names), path);
    model.vae = vae_config_from(shapes_of(*files, model.vae_part.names), path);
    const int context = model.unet.context[0], added = model.unet.projection_width;
    if (context == 768 && !added)
        make_sd1(model, names, path, options);
    else if (context == 1024 && !added)
        make_sd2(model, names, path, options);
    else if (context == 2048 && added == 2816)
        make_sdxl(model, names, path, options, false);
    else if (context == 1280 && added == 2560)
        make_sdxl(model, names, path, options, true);
    else
        refuse_family(model, path);
    for (const std::string& name : names)
        if (belongs_to_training(name)) model.expected_unused.push_back(name);
    return model;
}

}   // namespace kiln
