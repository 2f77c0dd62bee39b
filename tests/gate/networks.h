// The networks of Stable Diffusion 1.5 and XL as launches on a device, without their weights: the
// file that names and shapes them is all hole.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/graph/lowering.h"
#include "runtime/vk/device.h"

namespace kiln::test {

// One launch for each pipeline that the U-Nets and the decoder (at 512 x 512 and 1024 x 1024) and
// the text encoders run on a device with these caps and nothing measured, in f32 and in f16. By
// kernel, variant, constants and, if one is required, subgroup size.
std::map<std::string, Launch> network_pipelines(const std::shared_ptr<Device>& device,
                                                const Caps& caps);

// Notes of the launches of a U-Net ("unet_sd15" or "unet_sdxl") in f16: a pair of latents of that
// size.
std::vector<LaunchNote> unet_launches(const std::shared_ptr<Device>& device, const Caps& caps,
                                      const std::string& name, int64_t size);

}   // namespace kiln::test
