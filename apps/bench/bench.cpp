#include "apps/bench/bench.h"

#include <algorithm>

#include "apps/bench/ops.h"
#include "apps/bench/pipelines.h"
#include "apps/bench/roofline.h"
#include "apps/bench/step.h"
#include "apps/bench/trace.h"
#include "runtime/io/file.h"
#include "runtime/tune/tune.h"

namespace kiln::bench {
namespace {

using Each = std::function<void(const Row&)>;
using Cancelled = std::function<bool()>;

void report_peaks(const Peaks& peaks, const std::string& device, const Each& each) {
    Row copy = {{"bench", "peaks"}, {"case", "copy"}, {"device", device}, {"gbs", peaks.copy}};
    each(copy);
    for (auto [name, gflops] : {std::pair{"multiply-add f32", peaks.f32},
                                {"multiply-add f16", peaks.f16},
                                {"matrices f16", peaks.matrix}})
        if (gflops > 0)
            each({{"bench", "peaks"}, {"case", name}, {"device", device}, {"gflops", gflops}});
}

Result<void> write_roofline(const Roofline& roofline, const std::string& path) {
    return path.empty() ? Result<void>{} : write_file(path, as_bytes(roofline.svg()));
}

Result<void> run_ops(const std::shared_ptr<Device>& device, const Wanted& wanted,
                     const Peaks& peaks, const Each& each, const Cancelled& cancelled) {
    Roofline roofline("Operators on " + device->caps().device, peaks);
    for (const OpCase& c : wanted_cases(wanted.what)) {
        auto timing = time_op(device, c, wanted.seconds, cancelled);
        if (!timing) return timing.error();
        const double ms = timing->milliseconds;
        const Work work{c.flops, timing->bytes};
        roofline.add(c.name, c.dtype, work, ms);
        each({{"bench", "ops"},
              {"case", c.name},
              {"dtype", name_of(c.dtype)},
              {"device", device->caps().device},
              {"ms", ms},
              {"gflops", c.flops / ms / 1e6},
              {"gbs", timing->bytes / ms / 1e6},
              {"share", peaks.milliseconds(work, c.dtype) / ms}});
    }
    return write_roofline(roofline, wanted.roofline);
}

Result<void> run_network(const std::shared_ptr<Device>& device, const Wanted& wanted,
                         const Peaks& peaks, const Each& each, const Cancelled& cancelled) {
    auto network = open_network(device, wanted.what, wanted.network);
    if (!network) return network.error();
    auto step = measure_step(device, std::move(*network), wanted.steps, cancelled);
    if (!step) return step.error();
    const std::string& name = device->caps().device;
    report_step(*step, peaks, name, each);
    Roofline roofline(step->network.title + " on " + name, peaks);
    for (const MeasuredLaunch& l : step->launches)
        roofline.add(l.variant, l.dtype, l.work, l.milliseconds);
    if (auto done = write_roofline(roofline, wanted.roofline); !done) return done;
    if (wanted.profile.empty()) return {};
    return write_file(wanted.profile, as_bytes(trace_of(*step, peaks, name)));
}

bool known(const std::string& what) {
    const std::vector<std::string> all = names();
    return std::find(all.begin(), all.end(), what) != all.end() || !wanted_cases(what).empty();
}

Error unknown(const std::string& what) {
    std::string list;
    for (const std::string& name : names()) list += (list.empty() ? "" : ", ") + name;
    return {Status::usage, "there is nothing called " + what + " to measure; there is: " + list};
}

}   // namespace

std::vector<std::string> names() {
    std::vector<std::string> all = {"ops", "pipelines", "unet", "vae", "vocoder", "splat"};
    for (const OpCase& c : op_cases())
        if (std::find(all.begin(), all.end(), c.op) == all.end()) all.push_back(c.op);
    return all;
}

Result<void> run(const DeviceOptions& options, const Wanted& wanted, const Each& each,
                 const Cancelled& cancelled) {
    if (!known(wanted.what)) return unknown(wanted.what);
    const bool network = wanted.what == "unet" || wanted.what == "vae" || wanted.what == "vocoder";
    if (!wanted.roofline.empty() && wanted.what == "splat")
        return Error{Status::usage, "--roofline is for operators and networks"};
    if (!wanted.profile.empty() && !network)
        return Error{Status::usage, "--profile is for a step of unet, vae or vocoder"};
    DeviceOptions asked = options;
    asked.statistics = wanted.what == "pipelines";
    auto device = Device::open(asked);
    if (!device) return device.error();
    if (wanted.what == "pipelines") return run_pipelines(*device, each, cancelled);
    if (wanted.tune) {
        const TuneOptions tuning{.folder = options.cache_folder, .cancelled = cancelled};
        if (auto tuned = tune(*device, tuning); !tuned) return tuned.error();
    }
    auto peaks = measure_peaks(*device, cancelled);
    if (!peaks) return peaks.error();
    report_peaks(*peaks, (*device)->caps().device, each);
    if (wanted.what == "splat") return run_splats(*device, wanted.splats, *peaks, each, cancelled);
    return (network ? run_network : run_ops)(*device, wanted, *peaks, each, cancelled);
}

}   // namespace kiln::bench
