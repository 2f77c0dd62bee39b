// The stand-in for a prior's encoder that pictures of splats are distilled through.
#pragma once
#include <memory>

#include "modalities/diffusion/linear_encoder.h"
#include "modalities/splat/distillation/backdrop.h"
#include "modalities/splat/distillation/orbit_sampler.h"
#include "runtime/vk/device.h"

namespace kiln {

// Whether one can stand for it: latents of 4, 8, ... pixels a side.
bool has_linear_encoder(const PriorInfo& info);

// Learned from pictures of random clouds of all colours, encoded by prior.encoder().
Result<LinearEncoder> learned_encoder(const std::shared_ptr<Device>& device, Prior& prior,
                                      const OrbitRanges& views, const Backdrops& backdrops,
                                      uint64_t seed);

}   // namespace kiln
