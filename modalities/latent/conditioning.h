// What a network is told beside the latent and the time: text as states or as one vector, sizes,
// labels. Each model names and shapes its own.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/shape.h"

namespace kiln {

struct Condition {
    std::string name;   // as the network asks for it: "context", "pooled", ...
    Shape shape;        // of one sample
    std::vector<float> values;
};

// The positive and the negative conditions of one job have the same names and shapes, in the same
// order.
using Conditioning = std::vector<Condition>;

// Sinusoids of the guidance scale for distilled models, sines first: Meng et al. On Distillation of
// Guided Diffusion Models. 2023.
std::vector<float> guidance_embedding(double scale, int width);

}   // namespace kiln
