// What a SPIR-V module asks of a device, so that masked caps refuse what a poorer device would.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "runtime/vk/caps.h"

namespace kiln::vk {

// Why a device with these caps cannot run the module; empty when it can. `constants` are the
// specialization constants by id: they may size workgroups and shared arrays.
std::string objection_to(std::span<const uint32_t> spirv, std::span<const uint32_t> constants,
                         const Caps& caps);

// Whether the module reads how many workgroups there are.
bool counts_workgroups(std::span<const uint32_t> spirv);

}   // namespace kiln::vk
