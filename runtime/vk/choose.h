// Which device to take, and why not the others: a pure function of what was queried.
#pragma once
#include <string_view>
#include <vector>

#include "runtime/vk/device.h"

namespace kiln::vk {

struct Candidate {
    Caps caps;
    bool compute_queue = true;
};

// One report a candidate, in order. With `select` empty the best usable one is chosen: discrete
// before integrated, virtual, cpu and other; then the larger memory; then the lower index.
// Otherwise the one with that index, or the best among those whose name contains `select`.
std::vector<DeviceReport> judge(const std::vector<Candidate>& candidates, std::string_view select);

// Why this candidate cannot run Kiln; empty when it can.
std::string refusal(const Candidate& candidate);

}   // namespace kiln::vk
