// Classifier-free guidance: two predictions of the network, with and without the condition, made
// one.
#pragma once
#include <span>

#include "modalities/diffusion/sampler.h"

namespace kiln {

struct Guidance {
    double scale = 1;     // w; at most 1 means that the unconditional prediction is not needed
    double rescale = 0;   // phi in [0, 1]: how far to restore `conditional`'s deviation

    bool active() const { return scale > 1; }
};

// unconditional + w (conditional - unconditional) over latents of `samples` samples, on whatever
// the network predicts; then, for phi > 0, each sample is scaled to the standard deviation (with n
// - 1) of its conditional prediction, and mixed with itself by phi.
Latent guide(const Guidance& guidance, std::span<const float> unconditional,
             std::span<const float> conditional, int samples);

}   // namespace kiln
