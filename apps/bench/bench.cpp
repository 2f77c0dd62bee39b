#include "apps/bench/bench.h"

#include <algorithm>

#include "apps/bench/ops.h"
#include "apps/bench/pipelines.h"

namespace kiln::bench {

std::vector<std::string> names() {
    std::vector<std::string> all = {"ops", "pipelines"};
    for (const OpCase& c : op_cases())
        if (std::find(all.begin(), all.end(), c.op) == all.end()) all.push_back(c.op);
    return all;
}

Result<void> run(const DeviceOptions& options, const Wanted& wanted,
                 const std::function<void(const Row&)>& each,
                 const std::function<bool()>& cancelled) {
    std::vector<std::string> known = names();
    if (std::find(known.begin(), known.end(), wanted.what) == known.end()) {
        std::string list;
        for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
        return Error{Status::usage,
                     "there is nothing called " + wanted.what + " to measure; there is: " + list};
    }
    DeviceOptions asked = options;
    asked.statistics = true;
    auto device = Device::open(asked);
    if (!device) return device.error();
    if (wanted.what == "pipelines") return run_pipelines(*device, each, cancelled);
    for (const OpCase& c : op_cases()) {
        if (wanted.what != "ops" && wanted.what != c.op) continue;
        auto timing = time_op(*device, c, wanted.seconds, cancelled);
        if (!timing) return timing.error();
        double ms = timing->milliseconds;
        each({{"bench", "ops"},
              {"case", c.name},
              {"dtype", name_of(c.dtype)},
              {"device", (*device)->caps().device},
              {"ms", ms},
              {"gflops", c.flops / ms / 1e6},
              {"gbs", timing->bytes / ms / 1e6}});
    }
    return {};
}

}   // namespace kiln::bench
