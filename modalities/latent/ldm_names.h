// Names of tensors in single-file checkpoints of the latent diffusion code base, as the names that
// diffusers and transformers give the same tensors, which are those that Kiln's models ask for.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/nn/weights.h"

namespace kiln {

// The tensors of one network among `names`, those that begin with `prefix`, by their names in
// diffusers.
NameMap ldm_unet_names(const std::vector<std::string>& names, std::string_view prefix);
NameMap ldm_vae_names(const std::vector<std::string>& names, std::string_view prefix);

// A text encoder: names as transformers writes them after the prefix, or those of OpenCLIP, whose
// projections of query, key and value are one tensor.
NameMap hf_text_names(const std::vector<std::string>& names, std::string_view prefix);
NameMap openclip_text_names(const std::vector<std::string>& names, std::string_view prefix);

}   // namespace kiln
