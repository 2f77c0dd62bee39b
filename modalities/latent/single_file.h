// What checkpoints of the latent diffusion code base in one file have in common.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "modalities/latent/shapes.h"
#include "runtime/nn/weights.h"

namespace kiln {

// Where such files keep the denoiser and the autoencoder.
inline constexpr std::string_view kLdmUNet = "model.diffusion_model.";
inline constexpr std::string_view kLdmVae = "first_stage_model.";

std::vector<std::string> names_in(const TensorFiles& files);
bool any_begins(const std::vector<std::string>& names, std::string_view prefix);

// Shapes of the files' tensors by the names of diffusers. Keeps references to both.
ShapeOf shapes_of(const TensorFiles& files, const NameMap& names);

// What a file holds beside the networks: schedules, averages and the trainer's state.
bool belongs_to_training(std::string_view name);

// A few names, for a message about a file that is not understood.
std::string sample_of(const std::vector<std::string>& names);

}   // namespace kiln
