// How a shape is made from a prompt.
#pragma once
#include <cstdint>
#include <vector>

#include "modalities/diffusion/distillation.h"
#include "modalities/splat/distillation/backdrop.h"
#include "modalities/splat/fit/growth.h"
#include "modalities/splat/fit/initial.h"
#include "modalities/splat/fit/optimiser.h"
#include "modalities/splat/distillation/orbit_sampler.h"
#include "modalities/splat/distillation/reference_picture.h"
#include "modalities/splat/distillation/view_words.h"

namespace kiln {

struct ShapeSettings {
    int steps = 500;
    int batch = 1;                                // views a step
    uint32_t splats = 4000;                       // at most
    uint32_t first = 0;                           // to begin with; 0: all of them
    GrowthOptions growth{.kind = Growth::none};   // but its `most`, which is `splats`
    double ball = 0.5;                            // radius of the ball that they begin in
    InitialOptions initial;
    int strata = 8;   // of azimuths
    OrbitRanges views;
    Backdrops backdrops;
    ViewTextOptions text;
    DistillationOptions distillation;
    TimestepAnnealing timesteps;
    // Added to the loss: this times the mean of sqrt(alpha^2 + 0.01) over the picture, against fog
    // (Guo et al. threestudio. 2023).
    double sparsity = 0;
    // Added in the second half of the steps: this times the mean binary entropy of alpha, so that
    // pixels are of the shape or not (there too: opaque).
    double decided = 0;
    // Until this share of the steps, latents are those of a linear map that stands for the prior's
    // encoder (learned_encoder.h): a small part of the work. Without effect where there is none.
    double linear_until = 1;
    // Shares of the steps that are drawn at a half and at a quarter of the prior's picture, first
    // the quarter.
    double quarter_until = 0, half_until = 0;
    // The shape begins where all of these show it, and looks like them from their sides.
    std::vector<ReferencePicture> pictures;
    ReferenceOptions reference;   // but its seed and whether it is antialiased, which are these:
    bool antialiased = false;     // see Splats; viewers take it for granted that it is not
    OptimiserOptions optimiser;
    uint64_t seed = 0;
};

}   // namespace kiln
