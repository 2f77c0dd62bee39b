#include "modalities/latent/checkpoint_part.h"

#include <algorithm>

namespace kiln {

bool stored_in_half(const CheckpointPart& part) {
    auto half = [&](const std::string& model_name, const TensorFiles::Entry& entry) {
        const bool first = model_name.ends_with("conv_in.weight") || model_name == "proj_in.weight";
        return first && entry.info->dtype && entry.info->dtype != DType::f32;
    };
    if (part.names.empty())
        return std::any_of(part.files->entries().begin(), part.files->entries().end(),
                           [&](const auto& e) { return half(e.first, e.second); });
    return std::any_of(part.names.begin(), part.names.end(), [&](const auto& name) {
        const auto entry = part.files->find(name.second.name);
        return entry && half(name.first, *entry);
    });
}

}   // namespace kiln
