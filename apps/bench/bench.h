// kiln bench: which measurements there are, and their rows.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/bench/networks.h"
#include "apps/bench/splats.h"
#include "runtime/vk/device.h"

namespace kiln::bench {

// {bench, case, dtype, device, ms, gflops, gbs, share}: milliseconds, and the part of what the
// device could do at most that was reached (peaks.h). Rows of a network's step also say how many
// calls they sum and their part of the time.
using Row = nlohmann::ordered_json;

struct Wanted {
    std::string what;       // "ops", "pipelines", "unet", "vae", "splat", or an operator: "matmul"
    double seconds = 0.5;   // for each case of an operator
    int steps = 5;          // of a network
    NetworkOptions network;
    SplatOptions splats;
    bool tune = true;       // use the variants that were measured, or measure them now
    std::string profile;    // a file for the trace of a network's step; empty: none
    std::string roofline;   // a file for the picture of all kernels; empty: none
};

std::vector<std::string> names();   // what `what` may be

// Hands each row to `each` as soon as it is measured. usage: there is nothing of that name.
Result<void> run(const DeviceOptions& device, const Wanted& wanted,
                 const std::function<void(const Row&)>& each,
                 const std::function<bool()>& cancelled);

}   // namespace kiln::bench
