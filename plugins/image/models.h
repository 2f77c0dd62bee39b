// Where models are: those that came with Kiln in share/models, and those of the user.
#pragma once
#include <string>
#include <vector>

#include "plugins/sdk/adapter.h"

namespace kiln::image_plugin {

struct Model {
    std::string name, path;
    bool is_default = false;
};

// The default first, then the user's in the order of their folders; by name within one. A folder
// with model_index.json or a .safetensors file counts as a model; a folder of the user may itself
// be one.
std::vector<Model> models(const sdk::Options& options);

// The path for what a request calls its model: "" is the default, a path is itself, a name is
// looked up. What is not there is a Failure (KILN_BAD_FILE) that says where it was looked for.
std::string find_model(const sdk::Options& options, const std::string& wanted);

// The JSON of models() in plugin.h; files that are no models of this plugin are left out.
std::string list_models(const sdk::Options& options);

}   // namespace kiln::image_plugin
