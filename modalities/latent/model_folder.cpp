#include "modalities/latent/model_folder.h"

#include <algorithm>
#include <cctype>

#include "runtime/io/file.h"

namespace kiln {

namespace fs = std::filesystem;

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

ModelFolder::ModelFolder(const std::string& path)
    : root_(snapshot_of(path)), index_file_((root_ / "model_index.json").string()) {
    if (!fs::exists(index_file_))
        throw ResultError(
            {Status::bad_file,
             path +
                 ": a folder without model_index.json; expected a model as diffusers writes it"});
    document_ = take(read_json(index_file_));
    take(index().check());
}

std::string ModelFolder::pipeline(std::span<const std::string_view> known) const {
    const std::string found = take(index().string("_class_name"));
    std::string list;
    for (std::string_view name : known) {
        if (found == name) return found;
        list += (list.empty() ? "" : ", ") + std::string(name);
    }
    throw ResultError(
        index().error("_class_name", "expected one of " + list + "; found " + describe(found)));
}

std::string ModelFolder::class_of(const std::string& component) const {
    if (!index().has(component)) return {};
    const auto& entry = document_.at(component);
    if (!entry.is_array() || entry.size() != 2)
        throw ResultError(index().error(component, "expected [library, class]"));
    return entry[1].is_string() ? entry[1].get<std::string>() : std::string();
}

void ModelFolder::expect_class(const std::string& component, std::string_view expected) const {
    const std::string found = class_of(component);
    if (found != expected)
        throw ResultError(index().error(
            component,
            "expected " + std::string(expected) + "; found " + (found.empty() ? "none" : found)));
}

ModelFolder::Config ModelFolder::config(const std::string& component) const {
    const std::string file = (root_ / component / "config.json").string();
    return {take(read_json(file)), file};
}

std::shared_ptr<const TensorFiles> ModelFolder::weights(const std::string& component,
                                                        const std::string& variant) const {
    const std::vector<std::string> variants =
        variant.empty() ? kVariants : std::vector<std::string>{variant};
    return std::make_shared<TensorFiles>(
        take(TensorFiles::open_folder((root_ / component).string(), variants)));
}

SchedulerConfig ModelFolder::scheduler() const {
    const std::string file = (root_ / "scheduler" / "scheduler_config.json").string();
    auto parsed = parse_scheduler_config(take(read_file(file)));
    if (!parsed) throw ResultError({Status::bad_file, file + ": " + parsed.error().message});
    return *parsed;
}

double ModelFolder::own_number(const std::string& key, double low, double high) const {
    const double value = take(index().number(key, 0.0));
    if (value != 0 && !(value >= low && value <= high))
        throw ResultError(index().error(key, "expected a number from " + describe(low) + " to " +
                                                 describe(high) + "; found " + describe(value)));
    return value;
}

std::string ModelFolder::own_choice(const std::string& key,
                                    const std::vector<std::string>& choices) const {
    const std::string value = take(index().string(key, choices.front()));
    if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
        std::string expected;
        for (const std::string& choice : choices)
            expected += (expected.empty() ? "" : " or ") + ("\"" + choice + "\"");
        throw ResultError(index().error(key, "expected " + expected + "; found \"" + value + "\""));
    }
    return value;
}

}   // namespace kiln
