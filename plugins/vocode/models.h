// The vocoders there are in the user's folders.
#pragma once
#include <string>

#include "plugins/sdk/models.h"

namespace kiln::vocode_plugin {

// The path for what a request calls its vocoder: a path, or the name of a folder with a HiFi-GAN's
// config.json and weights, or of a model with one in vocoder/. What is not there is a Failure
// (KILN_BAD_FILE).
std::string find_model(const sdk::Options& options, const std::string& wanted);

// The JSON of models() in plugin.h.
std::string list_models(const sdk::Options& options);

}   // namespace kiln::vocode_plugin
