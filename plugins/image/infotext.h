// The parameters of a picture as the text that most programs read back: AUTOMATIC1111's
// "parameters".
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace kiln::image_plugin {

// From a request as the plugin completed it: sampler, size and seed filled in, the model's name as
// "model". Three lines: prompt, negative prompt if there is one, and "Steps: 20, Sampler: Euler a,
// ...".
std::string infotext(const nlohmann::ordered_json& request);

}   // namespace kiln::image_plugin
