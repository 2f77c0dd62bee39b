// One replay of a network's graph, measured from outside and launch by launch.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/bench/bench.h"
#include "apps/bench/networks.h"
#include "apps/bench/peaks.h"
#include "runtime/graph/graph.h"

namespace kiln::bench {

struct MeasuredLaunch {
    std::string variant, module, path, shape;   // module: the block that path lies in
    DType dtype;
    Work work;
    double milliseconds;   // median over the steps
    double begin;          // in the last step, after its first launch
    size_t chunk;          // in the last step
};

struct Step {
    Network network;
    double milliseconds = 0;   // median, without timestamps
    double host = 0;           // of these the host worked and did not wait
    double compiled = 0;       // milliseconds to lower, place and record, pipelines included
    GraphStats stats;
    std::vector<MeasuredLaunch> launches;   // empty without timestamps
    std::vector<Submission> submissions;    // of the last step
};

Result<Step> measure_step(const std::shared_ptr<Device>& device, Network network, int steps,
                          const std::function<bool()>& cancelled);

// "down_blocks.0.resnets.1" of "down_blocks.0.resnets.1.conv1.weight".
std::string module_of(std::string_view path);

// The step as a whole, its kernel variants and its modules, the longest first.
void report_step(const Step& step, const Peaks& peaks, const std::string& device,
                 const std::function<void(const Row&)>& each);

}   // namespace kiln::bench
