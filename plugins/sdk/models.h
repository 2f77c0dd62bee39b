// For plugins: where their models are, those that came with Kiln in share/models and those of the
// user.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plugins/sdk/adapter.h"

namespace kiln::sdk {

struct Model {
    std::string name, path;
    bool is_default = false;
};

// Whether a file or folder counts as a model.
using IsModel = std::function<bool(const std::filesystem::path&)>;

// A folder with model_index.json, or a .safetensors or .gguf file.
bool is_model(const std::filesystem::path& path);

// The default of the plugin with this name (share/models/NAME) first, then the user's in the order
// of their folders; by name within one. A folder of the user may itself be one.
std::vector<Model> models(const Options& options, const std::string& plugin,
                          const IsModel& counts = is_model);

// The path for what a request calls its model: "" is the default, a path is itself, a name is
// looked up. What is not there is a Failure (KILN_BAD_FILE) that says where it was looked for.
std::string find_model(const Options& options, const std::string& plugin,
                       const std::string& wanted);

// The same for a name or path among those given; `also` ends the list of names in messages.
std::string find_model(const std::vector<Model>& all, const std::string& wanted,
                       const std::string& also = "");

// What a model is, for people, or why it is none of the plugin's.
struct Recognised {
    std::string family;   // "" where it is none
    std::string refusal;
};

// The JSON of models() in plugin.h: those of `all` that are the plugin's, and for the log why the
// others are not.
std::string list_models(const Options& options, const std::vector<Model>& all,
                        const std::function<Recognised(const std::string& path)>& recognise);

// The same for all models, from a function that opens a model: its result holds one with a family,
// or an error.
template <class Open>
std::string list_models_by(const Options& options, const std::string& plugin, Open open) {
    return list_models(options, models(options, plugin),
                       [&](const std::string& path) -> Recognised {
                           const auto model = open(path);
                           if (!model) return {.family = "", .refusal = model.error().message};
                           return {.family = model->family, .refusal = ""};
                       });
}

}   // namespace kiln::sdk
