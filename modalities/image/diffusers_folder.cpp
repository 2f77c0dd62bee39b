// Folders as diffusers writes them: model_index.json names the components, each in a folder of its
// own.
#include <algorithm>
#include <array>
#include <filesystem>

#include "modalities/image/checkpoint.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& where, const std::string& fact) {
    throw ResultError({Status::bad_file, where + ": " + fact});
}

std::shared_ptr<const TensorFiles> open_weights(const fs::path& folder,
                                                const std::string& variant) {
    const std::vector<std::string> variants =
        variant.empty() ? kVariants : std::vector<std::string>{variant};
    return std::make_shared<TensorFiles>(take(TensorFiles::open_folder(folder.string(), variants)));
}

// The class of a component in model_index.json; empty when it is absent or null.
std::string class_of(const JsonObject& index, const std::string& component) {
    if (!index.has(component)) return {};
    const auto& entry = index.value().at(component);
    if (!entry.is_array() || entry.size() != 2)
        throw ResultError(index.error(component, "expected [library, class]"));
    return entry[1].is_string() ? entry[1].get<std::string>() : std::string();
}

void expect_class(const JsonObject& index, const std::string& component,
                  std::string_view expected) {
    const std::string found = class_of(index, component);
    if (found != expected)
        throw ResultError(index.error(component, "expected " + std::string(expected) + "; found " +
                                                     (found.empty() ? "none" : found)));
}

std::string pipeline_of(const JsonObject& index) {
    constexpr std::array known = {
        "StableDiffusionPipeline",          "StableDiffusionImg2ImgPipeline",
        "StableDiffusionInpaintPipeline",   "StableDiffusionXLPipeline",
        "StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLInpaintPipeline",
        "LatentConsistencyModelPipeline",   "LatentConsistencyModelImg2ImgPipeline"};
    const std::string found = take(index.string("_class_name"));
    std::string list;
    for (const char* name : known) {
        if (found == name) return found;
        list += (list.empty() ? "" : ", ") + std::string(name);
    }
    throw ResultError(
        index.error("_class_name", "expected one of " + list + "; found " + describe(found)));
}

struct Component {
    fs::path folder;
    nlohmann::json config;
    std::string where;

    JsonObject object() const { return {config, where}; }
};

Component component(const fs::path& root, const std::string& name) {
    const fs::path file = root / name / "config.json";
    return {root / name, take(read_json(file.string())), file.string()};
}

CheckpointText text_encoder(const fs::path& root, const std::string& suffix, bool penultimate,
                            const CheckpointOptions& options) {
    const Component found = component(root, "text_encoder" + suffix);
    const JsonObject config = found.object();
    CheckpointText text{
        .part = {open_weights(found.folder, options.variant), {}},
        .config = take(parse_clip_text_config(config)),
        .tokenizer = take(Tokenizer::open((root / ("tokenizer" + suffix)).string())),
        .penultimate = penultimate};
    if (text.tokenizer.vocabulary_size() > text.config.vocabulary)
        throw ResultError(
            config.error("vocab_size", std::to_string(text.config.vocabulary) +
                                           " is less than the tokenizer's " +
                                           std::to_string(text.tokenizer.vocabulary_size())));
    return text;
}

// The snapshot in a folder of the hub's cache (models--owner--name); the folder itself otherwise.
fs::path snapshot_of(const fs::path& folder) {
    if (fs::exists(folder / "model_index.json") || !fs::is_directory(folder / "snapshots"))
        return folder;
    if (const auto main = read_file((folder / "refs" / "main").string(), 256)) {
        std::string hash = *main;
        while (!hash.empty() && std::isspace(static_cast<unsigned char>(hash.back())))
            hash.pop_back();
        if (hash.find('/') == std::string::npos && fs::is_directory(folder / "snapshots" / hash))
            return folder / "snapshots" / hash;
    }
    for (const auto& entry : fs::directory_iterator(folder / "snapshots"))
        if (entry.is_directory()) return entry.path();
    return folder;
}

}   // namespace

Checkpoint open_diffusers_folder(const std::string& path, const CheckpointOptions& options) {
    const fs::path root = snapshot_of(path);
    const fs::path index_file = root / "model_index.json";
    if (!fs::exists(index_file))
        refuse(path, "a folder without model_index.json; expected a model as diffusers writes it");
    const nlohmann::json document = take(read_json(index_file.string()));
    const JsonObject index(document, index_file.string());
    take(index.check());

    Checkpoint model;
    model.family = pipeline_of(index) + " (folder)";
    expect_class(index, "unet", "UNet2DConditionModel");
    expect_class(index, "vae", "AutoencoderKL");
    model.zero_negative = take(index.boolean("force_zeros_for_empty_prompt", false));
    // Kiln's own key: diffusers passes over those that begin with an underscore.
    model.guidance = take(index.number("_guidance_scale", 0.0));
    if (model.guidance != 0 && !(model.guidance >= 1 && model.guidance <= 100))
        refuse(index_file.string(), "_guidance_scale: expected a number from 1 to 100");
    model.aesthetic_score = take(index.boolean("requires_aesthetics_score", false));

    const Component unet = component(root, "unet"), vae = component(root, "vae");
    model.unet = take(parse_unet_config(unet.object()));
    model.sample_size =
        int(take(unet.object().integers("sample_size", std::vector<int64_t>{64})).at(0));
    model.vae = take(parse_vae_config(vae.object()));
    model.unet_part.files = open_weights(unet.folder, options.variant);
    model.vae_part.files = open_weights(vae.folder, options.variant);
    const std::string scheduler = (root / "scheduler" / "scheduler_config.json").string();
    auto parsed = parse_scheduler_config(take(read_file(scheduler)));
    if (!parsed) refuse(scheduler, parsed.error().message);
    model.scheduler = std::move(*parsed);

    const bool penultimate = model.unet.addition_time_width > 0;
    if (!class_of(index, "text_encoder").empty()) {
        expect_class(index, "text_encoder", "CLIPTextModel");
        model.texts.push_back(text_encoder(root, "", penultimate, options));
    }
    if (!class_of(index, "text_encoder_2").empty()) {
        expect_class(index, "text_encoder_2", "CLIPTextModelWithProjection");
        model.texts.push_back(text_encoder(root, "_2", penultimate, options));
    }
    if (model.texts.empty()) refuse(index_file.string(), "no text_encoder");
    return model;
}

}   // namespace kiln
