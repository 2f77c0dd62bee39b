#include "modalities/image/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "modalities/latent/ldm_names.h"
#include "modalities/latent/single_file.h"
#include "runtime/io/json.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& where, const std::string& fact) {
    throw ResultError({Status::bad_file, where + ": " + fact});
}

// The parts must fit each other before any of them is worth loading.
void check_fit(const Checkpoint& m, const std::string& path) {
    const int text = std::accumulate(m.texts.begin(), m.texts.end(), 0,
                                     [](int sum, const auto& t) { return sum + t.config.width; });
    for (int context : m.unet.context)
        if (context != text)
            refuse(path, "the U-Net takes a context of " + std::to_string(context) +
                             ", the text encoders give " + std::to_string(text));
    const int latent = m.vae.latent_channels;
    if (m.unet.in_channels != latent && m.unet.in_channels != 2 * latent + 1)
        refuse(path, "a U-Net with " + std::to_string(m.unet.in_channels) +
                         " input channels for latents of " + std::to_string(latent) + "; only " +
                         std::to_string(latent) + " and, for inpainting, " +
                         std::to_string(2 * latent + 1) + " are supported");
    if (m.unet.out_channels != latent)
        refuse(path, "a U-Net with " + std::to_string(m.unet.out_channels) + " output channels");
    if (m.unet.class_embedding != ClassEmbedding::none)
        refuse(path, "a U-Net with a class embedding needs inputs that text does not give");
    for (const CheckpointText& t : m.texts)
        if (t.config.positions != m.texts[0].config.positions)
            refuse(path, "text encoders for different numbers of tokens");
    if (!m.unet.addition_time_width) return;
    const int ids = m.aesthetic_score ? 5 : 6, pooled = m.texts.back().config.projection;
    if (m.unet.projection_width != pooled + ids * m.unet.addition_time_width)
        refuse(path, "the U-Net adds an embedding of " + std::to_string(m.unet.projection_width) +
                         "; the pooled text of " + std::to_string(pooled) + " and " +
                         std::to_string(ids) + " sizes give " +
                         std::to_string(pooled + ids * m.unet.addition_time_width));
}

Prediction prediction_named(const std::string& name) {
    if (name == "epsilon") return Prediction::epsilon;
    if (name == "v_prediction" || name == "v") return Prediction::v;
    if (name == "sample") return Prediction::sample;
    if (name == "flow") return Prediction::flow;
    throw ResultError(
        {Status::usage,
         "prediction: expected epsilon, v_prediction, sample or flow; found " + describe(name)});
}

// An autoencoder of its own: a folder with config.json, or a file with either kind of names.
void replace_vae(Checkpoint& model, const std::string& path) {
    VaeConfig config;
    CheckpointPart part;
    if (fs::is_directory(path)) {
        const std::string file = (fs::path(path) / "config.json").string();
        const auto document = take(read_json(file));
        config = take(parse_vae_config(JsonObject(document, file)));
        part.files = std::make_shared<TensorFiles>(take(TensorFiles::open_folder(path)));
    } else {
        part.files = std::make_shared<TensorFiles>(take(TensorFiles::open(path)));
        const std::vector<std::string> names = names_in(*part.files);
        const bool nested =
            part.files->find(std::string(kLdmVae) + "decoder.conv_in.weight").has_value();
        if (part.files->find("decoder.up_blocks.0.resnets.0.conv1.weight"))
            for (const std::string& name : names) part.names[name] = {name};
        else
            part.names = ldm_vae_names(names, nested ? kLdmVae : "");
        config = vae_config_from(shapes_of(*part.files, part.names), path);
        config.scale = model.vae.scale;
        config.shift = model.vae.shift;
    }
    model.vae = config;
    model.vae_part = std::move(part);
}

}   // namespace

Result<Checkpoint> open_checkpoint(const std::string& path, const CheckpointOptions& options) {
    try {
        if (!fs::exists(path)) refuse(path, "no such file or folder");
        Checkpoint model = fs::is_directory(path) ? open_diffusers_folder(path, options)
                                                  : open_single_file(path, options);
        if (!options.vae.empty()) replace_vae(model, options.vae);
        if (!options.prediction.empty())
            model.scheduler.prediction = prediction_named(options.prediction);
        check_fit(model, path);
        return model;
    } catch (const ResultError& failure) {
        return failure.error;
    } catch (const fs::filesystem_error& failure) {
        return Error{Status::bad_file, path + ": " + failure.code().message()};
    }
}

}   // namespace kiln
