#include "apps/bench/step.h"

#include <algorithm>
#include <chrono>
#include <map>

namespace kiln::bench {
namespace {

double now() {
    using Milliseconds = std::chrono::duration<double, std::milli>;
    return Milliseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
    auto middle = values.begin() + ptrdiff_t(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

// Values in [-1, 1); a timestep and sizes are some that occur.
void fill(Graph& graph, const std::vector<Tensor>& inputs) {
    for (const Tensor& x : inputs) {
        std::vector<float> values(size_t(x.shape().count()));
        uint32_t state = 1;
        for (float& v : values) {
            state = state * 1664525u + 1013904223u;
            v = float(state >> 8) / float(1 << 23) - 1.0f;
        }
        if (x.path() == "timestep" || x.path() == "time_ids")
            std::fill(values.begin(), values.end(), 512.0f);
        take(graph.write(x, values));
    }
}

// Whole replays, which no timestamp holds up.
void time_whole(Step& step, Graph& graph, int steps, const std::function<bool()>& cancelled) {
    std::vector<double> all, host;
    for (int i = 0; i < steps; i++) {
        const double before = now();
        take(graph.run(cancelled));
        all.push_back(now() - before);
        host.push_back(all.back());
        for (const Submission& s : graph.submissions()) host.back() -= s.waited;
    }
    step.milliseconds = median(all);
    step.host = median(host);
}

void time_launches(Step& step, Graph& graph, int steps, const std::function<bool()>& cancelled) {
    std::vector<std::vector<double>> times;
    std::vector<KernelTime> last;
    for (int i = 0; i < steps; i++) {
        take(graph.run(cancelled));
        last = graph.times();
        times.resize(last.size());
        for (size_t l = 0; l < last.size(); l++) times[l].push_back(last[l].milliseconds);
    }
    const std::vector<LaunchReport> launches = graph.launches();
    for (size_t l = 0; l < last.size(); l++) {
        const LaunchReport& r = launches[l];
        step.launches.push_back({.variant = std::string(r.variant),
                                 .module = module_of(r.path),
                                 .path = std::string(r.path),
                                 .shape = std::string(r.shape),
                                 .dtype = r.dtype,
                                 .work = r.work,
                                 .milliseconds = median(times[l]),
                                 .begin = last[l].begin,
                                 .chunk = last[l].chunk});
    }
    step.submissions.assign(graph.submissions().begin(), graph.submissions().end());
}

struct Group {
    double milliseconds = 0, least = 0;   // least: at the device's limits
    Work work;
    int calls = 0;
};

}   // namespace

std::string module_of(std::string_view path) {
    std::string_view before;   // the part that a number counts
    for (size_t begin = 0; begin < path.size();) {
        const size_t dot = std::min(path.find('.', begin), path.size());
        const std::string_view part = path.substr(begin, dot - begin);
        if (part == "weight" || part == "bias") return std::string(path.substr(0, begin - 1));
        const bool counts = part.find_first_not_of("0123456789") == part.npos;
        if (counts && !before.ends_with("_blocks")) return std::string(path.substr(0, dot));
        before = part;
        begin = dot + 1;
    }
    return std::string(path);
}

Result<Step> measure_step(const std::shared_ptr<Device>& device, Network network, int steps,
                          const std::function<bool()>& cancelled) try {
    Step step{.network = std::move(network)};
    auto workspace = std::make_shared<Workspace>(device);
    const std::vector<Tensor> outputs = {step.network.output};
    {
        const double before = now();
        Graph graph = take(Graph::compile(device, outputs, {.workspace = workspace}));
        step.compiled = now() - before;
        step.stats = graph.stats();
        fill(graph, step.network.inputs);
        take(graph.run(cancelled));   // warms up
        time_whole(step, graph, steps, cancelled);
    }
    Graph timed = take(Graph::compile(device, outputs, {.timed = true, .workspace = workspace}));
    fill(timed, step.network.inputs);
    take(timed.run(cancelled));
    time_launches(step, timed, steps, cancelled);
    return step;
} catch (const ResultError& e) {
    return e.error;
} catch (const ModelError& e) {
    return Error{Status::bad_file, e.what()};
}

void report_step(const Step& step, const Peaks& peaks, const std::string& device,
                 const std::function<void(const Row&)>& each) {
    const std::string bench = step.network.title.substr(0, step.network.title.find(' '));
    std::map<std::string, Group> kernels, modules;
    Group all;
    for (const MeasuredLaunch& l : step.launches) {
        const std::string dtype(name_of(l.dtype));
        const std::string kernel = l.variant.ends_with(dtype) ? l.variant : l.variant + " " + dtype;
        for (Group* g : {&all, &kernels[kernel], &modules[l.module]}) {
            g->milliseconds += l.milliseconds;
            g->least += peaks.milliseconds(l.work, l.dtype);
            g->work.flops += l.work.flops, g->work.bytes += l.work.bytes;
            g->calls++;
        }
    }
    auto row = [&](const std::string& name, const Group& g, double milliseconds) {
        Row r = {{"bench", bench},
                 {"case", name},
                 {"dtype", name_of(step.network.dtype)},
                 {"device", device},
                 {"calls", g.calls},
                 {"ms", milliseconds},
                 {"part", all.milliseconds > 0 ? g.milliseconds / all.milliseconds : 1.0}};
        if (g.work.flops > 0) r["gflops"] = g.work.flops / milliseconds / 1e6;
        r["gbs"] = g.work.bytes / milliseconds / 1e6;
        r["share"] = g.least / milliseconds;
        return r;
    };
    auto rows = [&](const char* kind, const std::map<std::string, Group>& groups) {
        std::vector<std::pair<std::string, Group>> sorted(groups.begin(), groups.end());
        std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
            return a.second.milliseconds > b.second.milliseconds;
        });
        for (const auto& [name, group] : sorted)
            each(row(std::string(kind) + " " + (name.empty() ? "(none)" : name), group,
                     group.milliseconds));
    };
    rows("kernel", kernels);
    rows("module", modules);
    Row total = row("step of " + step.network.title, all, step.milliseconds);
    total["calls"] = step.stats.launches;
    total["host_ms"] = step.host;
    total["host_part"] = step.host / step.milliseconds;
    total["compile_ms"] = step.compiled;
    total["memory_mib"] = double(step.stats.intermediate_bytes) / double(1 << 20);
    each(total);
}

}   // namespace kiln::bench
