// kiln bench: which measurements there are, and their rows.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/vk/device.h"

namespace kiln::bench {

using Row = nlohmann::ordered_json;   // {bench, case, dtype, device, ms, gflops, gbs}

struct Wanted {
    std::string what;       // "ops", or an operator's name such as "matmul"
    double seconds = 0.5;   // for each case
};

std::vector<std::string> names();   // what `what` may be

// Hands each row to `each` as soon as it is measured. usage: there is nothing of that name.
Result<void> run(const DeviceOptions& device, const Wanted& wanted,
                 const std::function<void(const Row&)>& each,
                 const std::function<bool()>& cancelled);

}   // namespace kiln::bench
