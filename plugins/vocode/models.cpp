#include "plugins/vocode/models.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "modalities/audio/vocoder.h"

namespace kiln::vocode_plugin {

namespace fs = std::filesystem;

// Where in a folder a vocoder may lie: a model of several networks keeps it in a folder of its own.
static fs::path vocoder_in(const fs::path& folder) {
    std::error_code ignored;
    const fs::path inside = folder / "vocoder";
    return fs::exists(inside / "config.json", ignored) ? inside : folder;
}

static std::vector<fs::path> places(const std::string& list) {
#ifdef _WIN32
    constexpr char kSeparator = ';';
#else
    constexpr char kSeparator = ':';
#endif
    std::vector<fs::path> found;
    for (size_t begin = 0; begin < list.size();) {
        const size_t end = std::min(list.find(kSeparator, begin), list.size());
        if (end > begin) found.emplace_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    return found;
}

std::vector<Model> models(const sdk::Options& options) {
    std::vector<fs::path> folders;
    std::error_code ignored;
    if (!options.share.empty()) folders.push_back(fs::path(options.share) / "models/audio");
    for (const fs::path& place : places(options.models)) {
        folders.push_back(place);
        std::vector<fs::path> inside;
        for (const auto& entry : fs::directory_iterator(place, ignored))
            if (entry.is_directory(ignored)) inside.push_back(entry.path());
        std::sort(inside.begin(), inside.end());
        folders.insert(folders.end(), inside.begin(), inside.end());
    }
    std::vector<Model> found;
    for (const fs::path& folder : folders) {
        const fs::path at = vocoder_in(folder);
        if (fs::exists(at / "config.json", ignored) && VocoderFiles::open(at.string()))
            found.push_back({folder.filename().string(), at.string()});
    }
    return found;
}

std::string find_model(const sdk::Options& options, const std::string& wanted) {
    std::error_code ignored;
    if (fs::is_directory(wanted, ignored)) return vocoder_in(wanted).string();
    if (fs::exists(wanted, ignored)) return wanted;
    std::string names;
    for (const Model& model : models(options)) {
        if (model.name == wanted) return model.path;
        names += (names.empty() ? "" : ", ") + model.name;
    }
    throw sdk::Failure(KILN_BAD_FILE,
                       wanted + ": neither a file or folder nor one of the vocoders there are: " +
                           (names.empty() ? "none" : names) + ", and griffin-lim");
}

std::string list_models(const sdk::Options& options) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Model& model : models(options)) {
        const auto files = VocoderFiles::open(model.path);
        if (!files) continue;
        uint64_t bytes = 0;
        for (const TensorFile& file : files->files->files()) bytes += file.data().size();
        list.push_back({{"name", model.name},
                        {"family", "HiFi-GAN"},
                        {"path", model.path},
                        {"bytes", bytes},
                        {"default", false}});
    }
    return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}   // namespace kiln::vocode_plugin
