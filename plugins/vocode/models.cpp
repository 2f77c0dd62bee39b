#include "plugins/vocode/models.h"

#include "modalities/audio/vocoder.h"

namespace kiln::vocode_plugin {

namespace fs = std::filesystem;

// Where in a folder a vocoder may lie: a model of several networks keeps it in a folder of its own.
static fs::path vocoder_in(const fs::path& folder) {
    std::error_code ignored;
    const fs::path inside = folder / "vocoder";
    return fs::exists(inside / "config.json", ignored) ? inside : folder;
}

static bool is_vocoder(const fs::path& folder) {
    std::error_code ignored;
    const fs::path at = vocoder_in(folder);
    return fs::exists(at / "config.json", ignored) && VocoderFiles::open(at.string());
}

static std::vector<sdk::Model> models(const sdk::Options& options) {
    std::vector<sdk::Model> all = sdk::models(options, "audio", is_vocoder);
    for (sdk::Model& model : all) {
        if (model.is_default) model.name = "audio";   // the default of kiln audio, not here
        model.is_default = false;
        model.path = vocoder_in(model.path).string();
    }
    return all;
}

std::string find_model(const sdk::Options& options, const std::string& wanted) {
    const std::string found = sdk::find_model(models(options), wanted, ", and griffin-lim");
    return fs::is_directory(found) ? vocoder_in(found).string() : found;
}

std::string list_models(const sdk::Options& options) {
    return sdk::list_models(options, models(options), [](auto&) -> sdk::Recognised {
        return {.family = "HiFi-GAN", .refusal = ""};
    });
}

}   // namespace kiln::vocode_plugin
