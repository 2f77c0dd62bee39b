#include "plugins/sdk/models.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace kiln::sdk {

namespace fs = std::filesystem;

bool is_model(const fs::path& path) {
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) return fs::exists(path / "model_index.json", ignored);
    const fs::path type = path.extension();
    return (type == ".safetensors" || type == ".gguf") && fs::is_regular_file(path, ignored);
}

static std::vector<fs::path> places(const std::string& list) {
#ifdef _WIN32
    constexpr char kSeparator = ';';
#else
    constexpr char kSeparator = ':';
#endif
    std::vector<fs::path> found;
    for (size_t begin = 0; begin < list.size();) {
        size_t end = std::min(list.find(kSeparator, begin), list.size());
        if (end > begin) found.emplace_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    return found;
}

static std::string name_of(const fs::path& path) {
    std::string stem = fs::is_directory(path) ? path.filename().string() : path.stem().string();
    return stem.empty() ? path.parent_path().filename().string() : stem;
}

std::vector<Model> models(const Options& options, const std::string& plugin,
                          const IsModel& counts) {
    std::vector<Model> found;
    fs::path own = fs::path(options.share) / "models" / plugin;
    if (!options.share.empty() && counts(own)) found.push_back({"default", own.string(), true});
    for (const fs::path& place : places(options.models)) {
        if (counts(place)) {
            found.push_back({name_of(place), place.string()});
            continue;
        }
        std::vector<fs::path> inside;
        std::error_code ignored;
        for (const auto& entry : fs::directory_iterator(place, ignored))
            if (counts(entry.path())) inside.push_back(entry.path());
        std::sort(inside.begin(), inside.end());
        for (const fs::path& path : inside) found.push_back({name_of(path), path.string()});
    }
    return found;
}

std::string find_model(const Options& options, const std::string& plugin,
                       const std::string& wanted) {
    const std::vector<Model> all = models(options, plugin);
    if (!wanted.empty()) return find_model(all, wanted);
    for (const Model& model : all)
        if (model.is_default) return model.path;
    throw Failure(KILN_BAD_FILE, "the model that comes with Kiln is not in " + options.share +
                                     "/models/" + plugin + "; name another with --model");
}

std::string find_model(const std::vector<Model>& all, const std::string& wanted,
                       const std::string& also) {
    std::error_code ignored;
    if (fs::exists(wanted, ignored)) return wanted;
    std::string names;
    for (const Model& model : all) {
        if (model.name == wanted) return model.path;
        names += (names.empty() ? "" : ", ") + model.name;
    }
    throw Failure(KILN_BAD_FILE,
                  wanted + ": neither a file or folder nor one of the models there are: " +
                      (names.empty() ? "none" : names) + also);
}

static uint64_t bytes_of(const fs::path& path) {
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) return fs::file_size(path, ignored);
    uint64_t sum = 0;
    for (const auto& entry : fs::recursive_directory_iterator(path, ignored))
        if (entry.is_regular_file(ignored)) sum += entry.file_size(ignored);
    return sum;
}

std::string list_models(const Options& options, const std::vector<Model>& all,
                        const std::function<Recognised(const std::string& path)>& recognise) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Model& model : all) {
        const Recognised found = recognise(model.path);
        if (found.family.empty()) {
            options.log(KILN_LOG_INFO, found.refusal);
            continue;
        }
        list.push_back({{"name", model.name},
                        {"family", found.family},
                        {"path", model.path},
                        {"bytes", bytes_of(model.path)},
                        {"default", model.is_default}});
    }
    return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}   // namespace kiln::sdk
