// Tests and measures the kernel variants of a device at its first use, so that operators choose by
// what is, not by what a table guesses. Kept on disk by device, driver, caps profile and build.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/base/log.h"
#include "runtime/vk/device.h"

namespace kiln {

// What progress is called for users.
constexpr const char* kTuningStage = "testing kernels";

struct TuneOptions {
    std::string folder;   // where the result is kept; empty: it is made anew each time
    // At most. What this leaves untested is not used, unless nothing else computes the operator;
    // what it leaves unmeasured keeps its guess. The next start goes on from there.
    double seconds = 20;
    bool again = false;   // from the beginning, although a result is kept
    std::function<void(int done, int total)> progress;   // in variants
    std::function<bool()> cancelled;                     // Status::interrupted
    LogSink log;                                         // a warning for each disabled variant
};

// Gives the device its tuning; call it before graphs are compiled. A variant at which the driver
// crashed or lost the device last time is not tried again. Status::no_device: the device was lost,
// or computes something right with no variant.
Result<void> tune(const std::shared_ptr<Device>& device, const TuneOptions& options);

// What is kept for a device. Tests and measurements are left for the next start while done < total.
struct KeptTuning {
    Tuning tuning;
    size_t done = 0, total = 0;
};

// Nothing when it was not made by this build with this driver.
std::optional<KeptTuning> kept_tuning(const Caps& caps, const std::string& folder);

}   // namespace kiln
