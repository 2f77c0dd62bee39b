#include "apps/bench/bench.h"

#include <chrono>
#include <cstdio>

#include "apps/kiln/commands.h"
#include "apps/kiln/interrupt.h"
#include "plugins/sdk/schema.h"

namespace kiln::app {

namespace {

void print(const sdk::Json& row) {
    auto number = [&](const char* key, const char* unit, int digits) {
        if (!row.contains(key)) return;
        std::printf(" %10.*f %s", digits, row[key].get<double>(), unit);
    };
    std::printf("%-44s %-5s", row["case"].get<std::string>().c_str(),
                row.value("dtype", "").c_str());
    number("ms", "ms", 3), number("gflops", "GFLOP/s", 1), number("gbs", "GB/s", 1),
        number("share", "", 3), number("registers", "registers", 0), number("spills", "spills", 0);
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
                  {"share", ms / total}});
        each({{"bench", plugin.name()},
              {"case", std::string(pass) + ", all"},
              {"ms", total},
              {"share", 1.0}});
    }
}

int bench(const Global& global, const sdk::Registry& registry, const std::string& what,
          double seconds) {
    auto each = [&](const sdk::Json& row) {
        if (global.json)
            std::printf("%s\n", row.dump().c_str());
        else
            print(row);
        std::fflush(stdout);
    };
    catch_interrupts();
    if (const sdk::Plugin* plugin = registry.find(what)) {
        bench_plugin(global, *plugin, each);
        return KILN_DONE;
    }
    sdk::HostOptions host = global.host_options();
    DeviceOptions options;
    options.select = host.device, options.profile = host.caps;
    options.memory_limit = host.memory, options.cache_folder = host.cache;
    auto done = bench::run(options, {what, seconds}, each, interrupted);
    if (!done) throw sdk::Failure(kiln_status(int(done.error().status)), done.error().message);
    return KILN_DONE;
}

}   // namespace kiln::app
