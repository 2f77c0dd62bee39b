#include "modalities/latent/single_file.h"

#include <algorithm>

#include "runtime/io/json.h"

namespace kiln {

std::vector<std::string> names_in(const TensorFiles& files) {
    std::vector<std::string> names;
    for (const auto& [name, entry] : files.entries()) names.push_back(name);
    return names;
}

bool any_begins(const std::vector<std::string>& names, std::string_view prefix) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& n) { return n.starts_with(prefix); });
}

ShapeOf shapes_of(const TensorFiles& files, const NameMap& names) {
    return [&files, &names](const std::string& name) -> std::optional<Shape> {
        const auto at = names.find(name);
        const auto entry = at == names.end() ? std::nullopt : files.find(at->second.name);
        return entry ? std::optional(entry->info->shape) : std::nullopt;
    };
}

bool belongs_to_training(std::string_view name) {
    for (std::string_view prefix :
         {"model_ema.", "betas", "alphas_cumprod", "sqrt_", "log_one_minus_", "posterior_",
          "logvar", "lvlb_weights", "denoiser.", "loss.", "cond_stage_model.logit_scale",
          "first_stage_model.loss.", "global_step", "epoch", "state_dict", "optimizer",
          "conditioner.embedders.1.model.logit_scale"})
        if (name.starts_with(prefix)) return true;
    return false;
}

std::string sample_of(const std::vector<std::string>& names) {
    std::string list;
    for (size_t i = 0; i < std::min<size_t>(names.size(), 3); i++)
        list += (i ? ", " : "") + describe(names[i]);
    return std::to_string(names.size()) + " tensors such as " + list;
}

}   // namespace kiln
