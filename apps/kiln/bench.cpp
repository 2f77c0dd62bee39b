#include "apps/bench/bench.h"
#include "apps/bench/compare.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "apps/kiln/commands.h"
#include "apps/kiln/interrupt.h"
#include "plugins/sdk/schema.h"

namespace kiln::app {

namespace {

void print(const sdk::Json& row) {
    auto number = [&](const char* key, const char* unit, int digits, double scale = 1) {
        if (row.contains(key))
            std::printf(" %9.*f%s", digits, scale * row[key].get<double>(), unit);
    };
    // A column that stays empty where there is nothing to say, so that those after it line up.
    auto column = [&](const char* key, const char* unit, int digits) {
        if (row.contains(key)) return number(key, unit, digits);
        std::printf("%*s", int(10 + std::strlen(unit)), "");
    };
    std::printf("%-48s %-5s", row["case"].get<std::string>().c_str(),
                row.value("dtype", "").c_str());
    number("calls", " calls", 0), number("rows", " rows", 0);
    if (row.contains("share")) {
        column("ms", " ms", 3), number("part", " %", 1, 100);
        column("gflops", " GFLOP/s", 1), column("gbs", " GB/s", 1);
        number("share", " % of the limit", 0, 100);
    } else {
        number("ms", " ms", 3), number("part", " %", 1, 100);
        number("gflops", " GFLOP/s", 1), number("gbs", " GB/s", 1);
    }
    number("registers", " registers", 0), number("spills", " spills", 0);
    number("frames", " frames/s", 1), number("splats", " M splats/s", 2);
    number("host_ms", " ms of the host", 3), number("before", " ms before", 3);
    number("faster", " times as fast", 3), number("slower", " slower", 0);
    std::printf("\n");
}

// How long a run spends in each of its stages, from its progress: an event of step 0 begins a
// stage, any other ends a step of it.
class Stages {
public:
    void progress(const kiln_progress& p) {
        std::string stage = p.stage ? p.stage : "";
        spend(p.step == 0 ? current_ : stage);
        current_ = stage;
    }
    void finish() { spend(current_); }

    std::vector<std::pair<std::string, double>> milliseconds;

private:
    void spend(const std::string& stage) {
        auto now = std::chrono::steady_clock::now();
        double elapsed = std::chrono::duration<double, std::milli>(now - last_).count();
        last_ = now;
        if (milliseconds.empty() || milliseconds.back().first != stage)
            milliseconds.emplace_back(stage, 0.0);
        milliseconds.back().second += elapsed;
    }
    std::string current_ = "starting";
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}   // namespace

// Two runs of a plugin with its defaults: the first with everything to load, the second warm.
static void bench_plugin(const Global& global, const sdk::Plugin& plugin,
                         const std::function<void(const sdk::Json&)>& each) {
    sdk::Json request = {{"seed", 0}};
    for (const auto& name : plugin.schema().value("required", sdk::Json::array()))
        request[name] = "a red cube";
    request = sdk::with_defaults(plugin.schema(), request);
    if (auto wrong = sdk::problems(plugin.schema(), request); !wrong.empty())
        throw sdk::Failure(
            KILN_USAGE, plugin.name() + " cannot be measured with defaults: " + wrong[0].message);
    sdk::Session session = plugin.create(global.host_options());
    for (const char* pass : {"cold", "warm"}) {
        Stages stages;
        sdk::HostEvents events;
        events.progress = [&](const kiln_progress& p) { stages.progress(p); };
        events.cancelled = interrupted;
        session.run(request, {}, events);
        stages.finish();
        double total = 0;
        for (const auto& [stage, ms] : stages.milliseconds) total += ms;
        for (const auto& [stage, ms] : stages.milliseconds)
            each({{"bench", plugin.name()},
                  {"case", std::string(pass) + ", " + stage},
                  {"ms", ms},
                  {"part", ms / total}});
        each({{"bench", plugin.name()},
              {"case", std::string(pass) + ", all"},
              {"ms", total},
              {"part", 1.0}});
    }
}

// "512" or "768x512".
static std::pair<int, int> size_from(const std::string& text) {
    int width = 0, height = 0, end = 0;
    if (text.empty()) return {0, 0};
    int numbers = std::sscanf(text.c_str(), "%dx%d%n", &width, &height, &end);
    if (numbers == 1) numbers = std::sscanf(text.c_str(), "%d%n", &width, &end), height = width;
    if (numbers < 1 || end != int(text.size()) || width < 1 || height < 1)
        throw sdk::Failure(KILN_USAGE, "--size: expected 512 or 768x512, found \"" + text + '"');
    return {width, height};
}

static std::string model_path(const Global& global, const BenchOptions& o) {
    const char* kept = o.what == "vocoder" ? "/models/audio" : "/models/image";
    return o.model.empty() ? global.environment.share + kept : o.model;
}

static void run_bench(const Global& global, const sdk::Registry& registry, const BenchOptions& o,
                      const std::function<void(const sdk::Json&)>& each) {
    const std::vector<std::string> own = bench::names();   // splat is a command as well
    if (std::find(own.begin(), own.end(), o.what) == own.end())
        if (const sdk::Plugin* plugin = registry.find(o.what))
            return bench_plugin(global, *plugin, each);
    sdk::HostOptions host = global.host_options();
    DeviceOptions device;
    device.select = host.device, device.profile = host.caps;
    device.memory_limit = host.memory, device.cache_folder = host.cache;
    const auto [width, height] = size_from(o.size);
    bench::Wanted wanted{.what = o.what, .seconds = o.seconds, .steps = std::max(o.steps, 1)};
    wanted.network = {.model = model_path(global, o),
                      .width = width,
                      .height = height,
                      .batch = o.batch,
                      .tokenizer = host.share + "/clip_bpe",
                      .precision = o.precision};
    wanted.splats = {.counts = o.splats, .width = width, .height = height, .steps = wanted.steps};
    wanted.tune = host.tuning && o.what != "splat";   // whose kernels have no variants to choose
    wanted.profile = o.profile, wanted.roofline = o.roofline;
    auto done = bench::run(device, wanted, each, interrupted);
    if (!done) throw sdk::Failure(kiln_status(int(done.error().status)), done.error().message);
}

int bench(const Global& global, const sdk::Registry& registry, const BenchOptions& options) {
    auto show = [&](const sdk::Json& row) {
        if (global.json)
            std::printf("%s\n", row.dump().c_str());
        else
            print(row);
        std::fflush(stdout);
    };
    catch_interrupts();
    if (options.compare.empty()) {
        run_bench(global, registry, options, show);
        return KILN_DONE;
    }
    auto before = bench::Comparison::read(options.compare);
    if (!before)
        throw sdk::Failure(kiln_status(int(before.error().status)), before.error().message);
    run_bench(global, registry, options, [&](const sdk::Json& row) {
        bench::Row compared = row;
        before->add_to(compared);
        show(compared);
    });
    const bench::Row summary = before->summary(options.tolerance / 100);
    show(summary);
    return summary["slower"] > 0 ? KILN_FAILED : KILN_DONE;
}

}   // namespace kiln::app
