#include "runtime/io/tensor_files.h"

#include <algorithm>
#include <filesystem>

#include "runtime/io/json.h"
#include "runtime/io/magic.h"

namespace kiln {

namespace fs = std::filesystem;

// What diffusers and transformers call a model's weights.
static constexpr std::string_view kStems[] = {"diffusion_pytorch_model", "model", "pytorch_model"};

static Error bad(const std::string& where, const std::string& why) {
    return {Status::bad_file, where + ": " + why};
}

static std::string folder_of(const std::string& path) {
    return fs::path(path).parent_path().string();
}

// A file name from an index, which must not lead out of the index's folder.
static bool is_plain_name(std::string_view name) {
    return !name.empty() && name != "." && name != ".." &&
           name.find_first_of(std::string_view("/\\:\0", 4)) == name.npos;
}

std::optional<TensorFiles::Entry> TensorFiles::find(std::string_view name) const {
    auto entry = entries_.find(name);
    return entry == entries_.end() ? std::nullopt : std::optional(entry->second);
}

Result<TensorFiles> TensorFiles::open_index(const std::string& path) {
    auto document = read_json(path);
    if (!document) return document.error();
    JsonObject index(*document, path);
    auto map = index.object("weight_map");
    if (!map) return map.error();
    if (map->value().empty()) return index.error("weight_map", "expected tensors, found none");

    TensorFiles model;
    model.path_ = path;
    std::map<std::string, size_t> opened;
    for (const auto& [tensor, value] : map->value().items()) {
        std::string name = value.is_string() ? value.get<std::string>() : "";
        if (!is_plain_name(name))
            return bad(path, "weight_map: " + in_quotes(tensor) +
                                 ": expected the name of a file in the same folder, found " +
                                 describe(value));
        opened.try_emplace(name, 0);
    }
    for (auto& [name, at] : opened) {
        auto file = TensorFile::open((fs::path(folder_of(path)) / name).string());
        if (!file) return file.error();
        at = model.files_.size();
        model.files_.push_back(std::move(*file));
    }
    for (const auto& [tensor, value] : map->value().items()) {
        const TensorFile& file = model.files_[opened[value.get<std::string>()]];
        const TensorInfo* info = file.find(tensor);
        if (!info)
            return bad(path,
                       "weight_map: tensor " + in_quotes(tensor) + " is not in " + file.path());
        model.entries_.emplace(tensor, Entry{&file, info});
    }
    // Tensors that the index forgot are still the model's; the index decides between duplicates.
    for (const TensorFile& file : model.files_)
        for (const TensorInfo& info : file.tensors())
            model.entries_.try_emplace(info.name, Entry{&file, &info});
    return model;
}

// The forms in which a variant's weights may lie, likeliest first.
static std::vector<std::string> file_names(std::string_view stem, const std::string& variant) {
    std::string plain(stem), dotted = variant.empty() ? plain : plain + "." + variant;
    std::vector<std::string> names = {dotted + ".safetensors", dotted + ".safetensors.index.json",
                                      dotted + ".gguf"};
    if (!variant.empty()) names.push_back(plain + ".safetensors.index." + variant + ".json");
    return names;
}

Result<TensorFiles> TensorFiles::open_folder(const std::string& folder,
                                             const std::vector<std::string>& variants) {
    std::error_code code;
    if (!fs::is_directory(folder, code))
        return bad(folder, "expected a model's folder, found none");
    for (const std::string& variant : variants)
        for (std::string_view stem : kStems)
            for (const std::string& name : file_names(stem, variant)) {
                std::string path = (fs::path(folder) / name).string();
                if (fs::exists(path, code)) return open(path);
            }
    std::string found, pickled;
    for (const auto& entry : fs::directory_iterator(folder, code)) {
        std::string name = entry.path().filename().string(),
                    type = entry.path().extension().string();
        if (type == ".bin" || type == ".ckpt" || type == ".pt" || type == ".pth") pickled = name;
        if (type == ".safetensors") found = name;
    }
    if (!found.empty())
        return bad(folder,
                   "expected model.safetensors or diffusion_pytorch_model.safetensors (or a "
                   "variant of them), found " +
                       in_quotes(found));
    if (!pickled.empty())
        return bad(folder, "expected safetensors weights, found only " + in_quotes(pickled) + ". " +
                               std::string(advice_for(kPickleKind)));
    return bad(folder, "expected safetensors weights, found none");
}

Result<TensorFiles> TensorFiles::open(const std::string& path) {
    std::error_code code;
    if (fs::is_directory(path, code)) return open_folder(path);
    if (path.ends_with(".json")) return open_index(path);
    auto file = TensorFile::open(path);
    if (!file) return file.error();
    TensorFiles model;
    model.path_ = path;
    model.files_.push_back(std::move(*file));
    for (const TensorInfo& info : model.files_.front().tensors())
        model.entries_.emplace(info.name, Entry{&model.files_.front(), &info});
    return model;
}

}   // namespace kiln
