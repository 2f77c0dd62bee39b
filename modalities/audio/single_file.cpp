// Checkpoints of AudioLDM's authors, recognised from names and shapes.
#include <filesystem>

#include "modalities/audio/checkpoint.h"
#include "modalities/latent/ldm_names.h"
#include "modalities/latent/single_file.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVocoder = "first_stage_model.vocoder.";
constexpr std::string_view kConditioner = "cond_stage_model.";
constexpr std::string_view kClap = "cond_stage_model.model.";

[[noreturn]] void refuse(const std::string& where, const std::string& fact) {
    throw ResultError({Status::bad_file, where + ": " + fact});
}

// The vocoder's tensors by their names without the prefix; of a weight that is kept normalised, in
// either spelling, the name of the weight that it makes.
NameMap vocoder_names(const std::vector<std::string>& names) {
    NameMap map;
    for (const std::string& stored : names) {
        if (!stored.starts_with(kVocoder)) continue;
        std::string name = stored;
        if (name.ends_with(".weight_g") || name.ends_with(".weight_v"))
            name.resize(name.size() - 2);
        if (const size_t at = name.find("parametrizations.weight."); at != std::string::npos)
            name = name.substr(0, at) + "weight";
        map[name.substr(kVocoder.size())] = {name};
    }
    return map;
}

Shape must(const ShapeOf& shape, const std::string& name, int rank, const std::string& where) {
    const auto found = shape(name);
    if (!found || found->rank() != rank)
        refuse(where, "tensor \"" + name + "\" is " +
                          (found ? "of shape " + to_string(*found) : std::string("missing")));
    return *found;
}

int layers_of(const ShapeOf& shape) {
    int count = 0;
    while (shape("text_model.encoder.layer." + std::to_string(count) + ".output.dense.weight"))
        count++;
    return count;
}

// RoBERTa's own: heads of 64, and its epsilon.
ClapTextConfig text_config_from(const ShapeOf& shape, const std::string& where) {
    ClapTextConfig c{.eps = 1e-5f};
    const std::string embeddings = "text_model.embeddings.";
    const Shape words = must(shape, embeddings + "word_embeddings.weight", 2, where);
    c.vocabulary = int(words[0]);
    c.width = int(words[1]);
    c.positions = int(must(shape, embeddings + "position_embeddings.weight", 2, where)[0]);
    c.types = int(must(shape, embeddings + "token_type_embeddings.weight", 2, where)[0]);
    c.layers = layers_of(shape);
    c.hidden =
        int(must(shape, "text_model.encoder.layer.0.intermediate.dense.weight", 2, where)[0]);
    c.heads = std::max(1, c.width / 64);
    c.projection = int(must(shape, "text_projection.linear2.weight", 2, where)[0]);
    return c;
}

// AudioLDM's vocoder for 16 kHz, of any width.
HifiGanConfig vocoder_config_from(const TensorFiles& files, const std::string& where) {
    HifiGanConfig c{.rates = {5, 4, 2, 2, 2},
                    .kernels = {16, 16, 8, 4, 4},
                    .sample_rate = 16000,
                    .fft = 1024,
                    .window = 1024,
                    .low = 0,
                    .high = 8000};
    for (const char* spelling : {"weight", "weight_v", "parametrizations.weight.original1"}) {
        const auto first = files.find(std::string(kVocoder) + "conv_pre." + spelling);
        if (!first) continue;
        const Shape& shape = first->info->shape;
        if (shape.rank() != 3) refuse(where, "the vocoder's first convolution is misshapen");
        c.channels = int(shape[0]);
        c.mels = int(shape[1]);
        return c;
    }
    refuse(where, "the autoencoder comes without its vocoder (\"" + std::string(kVocoder) +
                      "conv_pre...\")");
}

float scale_factor(const TensorFiles& files, const std::string& where) {
    const auto entry = files.find("scale_factor");
    if (!entry) refuse(where, "tensor \"scale_factor\" is missing");
    const std::vector<float> values = take(entry->file->values(*entry->info));
    if (values.size() != 1 || !(values[0] > 0)) refuse(where, "\"scale_factor\" is not a scale");
    return values[0];
}

bool belongs_to_hearing(const std::string& name) {
    return name == "scale_factor" || (name.starts_with(kConditioner) &&
                                      !name.starts_with(std::string(kClap) + "text_branch") &&
                                      !name.starts_with(std::string(kClap) + "text_projection"));
}

Tokenizer tokenizer_for(const std::string& path, const AudioLdmOptions& options) {
    const std::string beside = fs::path(path).parent_path().string();
    if (options.tokenizer.empty() && !fs::exists(fs::path(beside) / "vocab.json"))
        refuse(path,
               "one file holds no vocabulary: name a folder with RoBERTa's vocab.json and "
               "merges.txt (tokenizer), or put them beside it");
    return take(Tokenizer::open(options.tokenizer.empty() ? beside : options.tokenizer,
                                TokenizerKind::roberta));
}

}   // namespace

AudioLdm open_audioldm_file(const std::string& path, const AudioLdmOptions& options) {
    const auto files = std::make_shared<const TensorFiles>(take(TensorFiles::open(path)));
    const std::vector<std::string> names = names_in(*files);
    if (!any_begins(names, std::string(kLdmUNet) + "film_emb."))
        refuse(path, "no \"" + std::string(kLdmUNet) + "film_emb...\": not AudioLDM; " +
                         sample_of(names));
    if (!any_begins(names, kClap))
        refuse(path,
               "the U-Net comes without its text encoder (\"" + std::string(kClap) + "...\")");
    AudioLdm m;
    m.family = "AudioLDM (one file)";
    m.guidance = 2.5;
    m.tokenizer = tokenizer_for(path, options);
    m.unet_part = {files, ldm_unet_names(names, kLdmUNet)};
    m.vae_part = {files, ldm_vae_names(names, kLdmVae)};
    m.vocoder_part = {files, vocoder_names(names)};
    m.text_part = {files, clap_text_names(names, kClap)};
    m.unet = unet_config_from(shapes_of(*files, m.unet_part.names), path);
    m.vae = vae_config_from(shapes_of(*files, m.vae_part.names), path);
    m.vae.scale = scale_factor(*files, path);
    m.vocoder = vocoder_config_from(*files, path);
    m.text = text_config_from(shapes_of(*files, m.text_part.names), path);
    m.scheduler = take(parse_scheduler_config(
        R"({"_class_name": "DDIMScheduler", "beta_schedule": "scaled_linear",
            "beta_start": 0.0015, "beta_end": 0.0195, "num_train_timesteps": 1000,
            "steps_offset": 1, "clip_sample": false, "set_alpha_to_one": false,
            "prediction_type": "epsilon"})"));
    for (const std::string& name : names)
        if (belongs_to_training(name) || belongs_to_hearing(name))
            m.expected_unused.push_back(name);
    return m;
}

}   // namespace kiln
