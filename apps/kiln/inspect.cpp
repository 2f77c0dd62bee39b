#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>

#include "apps/kiln/commands.h"
#include "runtime/io/audio.h"
#include "runtime/io/image.h"
#include "runtime/io/magic.h"
#include "runtime/io/tensor_file.h"

namespace kiln::app {

namespace fs = std::filesystem;
using sdk::Json;

static TensorFile open(const std::string& path) {
    auto file = TensorFile::open(path);
    if (!file) throw sdk::Failure(kiln_status(int(file.error().status)), file.error().message);
    return std::move(file).value();
}

static std::string count_text(double n) {
    const char* units[] = {"", " k", " M", " G"};
    int u = 0;
    while (n >= 1000 && u < 3) n /= 1000, u++;
    char text[32];
    std::snprintf(text, sizeof text, u ? "%.2f%s" : "%.0f%s", n, units[u]);
    return text;
}

// Everything about one checkpoint file; tensors only when `all`.
static Json describe(const TensorFile& file, bool all) {
    Json types = Json::object(), list = Json::array();
    int64_t parameters = 0;
    for (const TensorInfo& t : file.tensors()) {
        types[t.stored_type] = types.value(t.stored_type, 0) + 1;
        parameters += t.shape.count();
        if (all)
            list.push_back({{"name", t.name}, {"type", t.stored_type}, {"shape", t.shape.dims}});
    }
    Json d = {{"path", file.path()},
              {"format", file.format()},
              {"tensors", file.tensors().size()},
              {"parameters", parameters},
              {"bytes", file.data().size()},
              {"types", types},
              {"metadata", file.metadata()}};
    if (all) d["each"] = list;
    return d;
}

// The parts of a checkpoint: tensors by the first words of their names.
static std::map<std::string, std::pair<size_t, int64_t>> parts(const TensorFile& file) {
    std::map<std::string, std::pair<size_t, int64_t>> found;
    for (const TensorInfo& t : file.tensors()) {
        size_t dot = t.name.find('.');
        for (int more = 1; more > 0 && dot != t.name.npos; more--) dot = t.name.find('.', dot + 1);
        auto& [count, parameters] = found[t.name.substr(0, dot)];
        count++, parameters += t.shape.count();
    }
    return found;
}

static void print(const TensorFile& file, bool all) {
    Json d = describe(file, false);
    std::string types;
    for (const auto& [type, n] : d["types"].items())
        types += (types.empty() ? "" : ", ") + type + " x " + n.dump();
    std::printf("%s\n  %s, %s parameters in %zu tensors (%s), %s bytes\n", file.path().c_str(),
                std::string(file.format()).c_str(),
                count_text(d["parameters"].get<double>()).c_str(), file.tensors().size(),
                types.c_str(), count_text(d["bytes"].get<double>()).c_str());
    for (const auto& [key, value] : file.metadata())
        std::printf("  %s: %.200s\n", key.c_str(), value.c_str());
    if (all)
        for (const TensorInfo& t : file.tensors())
            std::printf("  %-8s %-24s %s\n", t.stored_type.c_str(), to_string(t.shape).c_str(),
                        t.name.c_str());
    else
        for (const auto& [name, part] : parts(file))
            std::printf("  %5zu tensors %10s  %s\n", part.first,
                        count_text(double(part.second)).c_str(), name.c_str());
}

// What the plugins recognise at this path, by their lists of models.
static Json families(const Global& global, const sdk::Registry& registry, const std::string& path) {
    Json found = Json::array();
    for (const sdk::Plugin& plugin : registry.plugins()) {
        sdk::HostOptions options = global.host_options();
        options.models = path, options.share.clear();
        for (Json& model : plugin.models(options)) {
            model["plugin"] = plugin.name();
            found.push_back(model);
        }
    }
    return found;
}

using Texts = std::vector<std::pair<std::string, std::string>>;

// The texts that a picture or a sound carries, such as the parameters it was made with; none: the
// file is neither.
static std::optional<Texts> texts_of(const std::string& path) {
    auto file = MappedFile::open(path);
    if (!file) return {};
    const std::string_view kind = kind_of_file(file->bytes());
    Result<Texts> texts = Texts();
    if (kind == "a PNG picture")
        texts = read_png_text(file->bytes(), path);
    else if (kind.find(" sound") != kind.npos)
        texts = read_sound_tags(file->bytes(), path);
    else
        return {};
    if (!texts) throw sdk::Failure(KILN_BAD_FILE, texts.error().message);
    return *texts;
}

static void print(const Global& global, const std::string& path, const Texts& texts) {
    for (const auto& [keyword, text] : texts) {
        if (global.json)
            std::printf(
                "%s\n",
                Json({{"path", path}, {"keyword", keyword}, {"text", text}}).dump().c_str());
        else
            std::printf("%s: %s\n", keyword.c_str(), text.c_str());
    }
}

// A file that is no checkpoint, as the plugin that reads it describes it; false if none does.
static bool described(const Global& global, const sdk::Registry& registry,
                      const std::string& path) {
    std::error_code ignored;
    const fs::path type = fs::path(path).extension();
    if (!fs::is_regular_file(path, ignored) || type == ".safetensors" || type == ".gguf")
        return false;
    const Json found = families(global, registry, path);
    for (const Json& file : found) {
        if (global.json)
            std::printf("%s\n", file.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
        else
            std::printf(
                "%s\n  %s, %s bytes\n", path.c_str(),
                file.value("summary", "for kiln " + file["plugin"].get<std::string>()).c_str(),
                count_text(file.value("bytes", 0.0)).c_str());
    }
    return !found.empty();
}

int inspect(const Global& global, const sdk::Registry& registry, const std::string& path,
            bool all) {
    if (const auto texts = texts_of(path)) {
        print(global, path, *texts);
        return KILN_DONE;
    }
    if (described(global, registry, path)) return KILN_DONE;
    std::error_code ignored;
    std::vector<std::string> files = {path};
    if (fs::is_directory(path, ignored)) {
        files.clear();
        for (const auto& entry : fs::recursive_directory_iterator(path, ignored))
            if (const auto type = entry.path().extension();
                type == ".safetensors" || type == ".gguf")
                files.push_back(entry.path().string());
        std::sort(files.begin(), files.end());
        if (files.empty())
            throw sdk::Failure(KILN_BAD_FILE,
                               path + ": a folder without .safetensors or .gguf files");
    }
    std::vector<TensorFile> opened;
    for (const std::string& file : files) opened.push_back(open(file));
    for (const Json& model : families(global, registry, path)) {
        if (global.json)
            std::printf("%s\n", Json({{"model", model}}).dump().c_str());
        else
            std::printf("a model for kiln %s: %s\n", model["plugin"].get<std::string>().c_str(),
                        model.value("family", "?").c_str());
    }
    for (const TensorFile& file : opened) {
        if (global.json)
            std::printf(
                "%s\n",
                describe(file, all).dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
        else
            print(file, all);
    }
    return KILN_DONE;
}

}   // namespace kiln::app
