// The vocoders there are in the user's folders.
#pragma once
#include <string>
#include <vector>

#include "plugins/sdk/adapter.h"

namespace kiln::vocode_plugin {

struct Model {
    std::string name, path;
};

// Folders with a HiFi-GAN's config.json and weights, and models with one in vocoder/.
std::vector<Model> models(const sdk::Options& options);

// The path for what a request calls its vocoder: a path, or a name. What is not there is a Failure
// (KILN_BAD_FILE).
std::string find_model(const sdk::Options& options, const std::string& wanted);

// The JSON of models() in plugin.h.
std::string list_models(const sdk::Options& options);

}   // namespace kiln::vocode_plugin
