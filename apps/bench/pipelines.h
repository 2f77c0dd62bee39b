// Every kernel compiled on a device, and what its driver reports of the result.
#pragma once
#include <functional>

#include "apps/bench/bench.h"

namespace kiln::bench {

// One row a kernel variant that the device can run, with its default constants: {bench, case,
// device, ms}, and of registers, spills, scratch and cost those that the driver reports. Only ms,
// the time to compile, is certain.
Result<void> run_pipelines(const std::shared_ptr<Device>& device,
                           const std::function<void(const Row&)>& each,
                           const std::function<bool()>& cancelled);

}   // namespace kiln::bench
