// A step as a trace that chrome://tracing and ui.perfetto.dev show.
#pragma once
#include <string>

#include "apps/bench/step.h"

namespace kiln::bench {

// Trace Event Format: the device's launches, and beside them what the host did: compiled, submitted
// and waited. The device's clock is set by the first launch, which no submission may follow.
std::string trace_of(const Step& step, const Peaks& peaks, const std::string& device);

}   // namespace kiln::bench
