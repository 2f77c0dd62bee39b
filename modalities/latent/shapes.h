// Configurations read from the shapes of a network's tensors, for checkpoints that come without
// one.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "modalities/latent/config.h"
#include "modalities/text/clip_text.h"
#include "runtime/base/shape.h"

namespace kiln {

// The shape of a tensor by its name in diffusers or transformers; none when it is absent.
using ShapeOf = std::function<std::optional<Shape>(const std::string& name)>;

// What shapes cannot tell (the number of heads) follows from the width of the text: 8 heads for
// 768, heads of 64 for the others; without a text heads of 32, or of 64 where the first level has
// 256 channels (AudioLDM). Something missing is a ResultError that begins with `where`.
UNetConfig unet_config_from(const ShapeOf& shape, const std::string& where);
VaeConfig vae_config_from(const ShapeOf& shape, const std::string& where);
// Heads of 64, as in every published encoder of the kind.
ClipTextConfig clip_text_config_from(const ShapeOf& shape, const std::string& where);

}   // namespace kiln
