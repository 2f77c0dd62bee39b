#include <algorithm>
#include <cstdio>

#include "apps/kiln/commands.h"
#include "apps/kiln/interrupt.h"
#include "apps/kiln/reporter.h"
#include "runtime/tune/tune.h"

namespace kiln::app {

// Each kind of product once, as in "16x16x16 f16 to f32".
static std::string matrices_of(const std::vector<MatrixShape>& shapes) {
    std::string text;
    for (const MatrixShape& s : shapes) {
        std::string one = std::to_string(s.m) + "x" + std::to_string(s.n) + "x" +
                          std::to_string(s.k) + " " + std::string(name_of(s.a)) + " to " +
                          std::string(name_of(s.d));
        if (s.a == s.b && s.c == s.d && text.find(one) == std::string::npos)
            text += (text.empty() ? "" : ", ") + one;
    }
    return text;
}

// Speeds of the kernel variants, and why some are not used; null before the first use.
static sdk::Json tuning_of(const std::optional<KeptTuning>& kept) {
    if (!kept) return nullptr;
    sdk::Json speeds = sdk::Json::object(), unused = sdk::Json::object();
    for (const auto& [variant, measured] : kept->tuning.measured())
        if (measured.speed > 0)
            speeds[variant] = measured.speed;
        else
            unused[variant] = measured.reason;
    return {{"speeds", speeds}, {"not_used", unused}, {"done", kept->done}, {"total", kept->total}};
}

static sdk::Json row(const DeviceReport& d, const std::optional<KeptTuning>& tuning) {
    const Caps& c = d.caps;
    return {{"index", d.index},
            {"name", c.device},
            {"kind", name_of(c.kind)},
            {"driver", c.driver},
            {"driver_info", c.driver_info},
            {"usable", d.usable},
            {"chosen", d.chosen},
            {"reason", d.reason},
            {"memory", c.device_memory},
            {"unified_memory", c.unified_memory},
            {"shared_memory", c.shared_memory},
            {"invocations", c.invocations},
            {"binding_range", c.binding_range},
            {"allocation", c.allocation},
            {"subgroup_size", c.subgroup_size},
            {"subgroup_arithmetic", c.subgroup_arithmetic},
            {"storage_16bit", c.storage_16bit},
            {"storage_8bit", c.storage_8bit},
            {"fp16", c.fp16},
            {"int64", c.int64},
            {"float_atomics", c.float_atomics},
            {"cores", c.cores},
            {"matrices", matrices_of(c.matrices)},
            {"flexible_matrices", matrices_of(c.flexible_matrices)},
            {"matrix_tensors", c.matrix_tensors},
            {"matrix_hardware", matrix_hardware(c)},
            {"tuning", tuning_of(tuning)},
            {"profile", c.profile}};
}

// The fastest variant of each operator, then what must not be used.
static void print(const KeptTuning& kept) {
    const Tuning& tuning = kept.tuning;
    std::map<std::string, std::pair<double, std::string>> fastest;
    for (const auto& [variant, measured] : tuning.measured()) {
        auto& best = fastest[variant.substr(0, variant.find('.'))];
        best = std::max(best, {measured.speed, variant});
    }
    std::string text;
    for (const auto& [op, best] : fastest)
        if (best.first > 0) text += (text.empty() ? "" : ", ") + best.second;
    std::printf("     kernels tested%s%s\n",
                text.empty() ? "" : " and measured; fastest: ", text.c_str());
    if (kept.done < kept.total)
        std::printf("     incomplete, %zu of %zu: the next start goes on\n", kept.done, kept.total);
    for (const auto& [variant, measured] : tuning.measured())
        if (measured.speed <= 0)
            std::printf("     not used: %s: %s\n", variant.c_str(), measured.reason.c_str());
}

static void print(const DeviceReport& d, const std::optional<KeptTuning>& tuning) {
    const Caps& c = d.caps;
    std::printf("%c %d  %s\n", d.chosen ? '*' : ' ', d.index, c.device.c_str());
    std::printf("     %s, %s %s\n", std::string(name_of(c.kind)).c_str(), c.driver.c_str(),
                c.driver_info.c_str());
    std::printf("     %.1f GiB%s; shared memory %u KiB, %u invocations; subgroups of %u%s%s%s%s\n",
                double(c.device_memory) / double(1u << 30),
                c.unified_memory ? " shared with the host" : "", c.shared_memory / 1024,
                c.invocations, c.subgroup_size, c.subgroup_arithmetic ? " with arithmetic" : "",
                c.fp16 ? "; f16" : "", c.float_atomics ? "; float atomics" : "",
                c.int64 ? "; int64" : "");
    if (std::string matrices = matrices_of(c.matrices); !matrices.empty())
        std::printf("     matrices %s%s\n", matrices.c_str(),
                    matrix_hardware(c) ? "" : " (emulated, not used)");
    if (std::string matrices = matrices_of(c.flexible_matrices); !matrices.empty())
        std::printf("     matrices of multiples of %s%s\n", matrices.c_str(),
                    c.matrix_tensors ? ", of workgroups too, loaded from tensors" : "");
    if (tuning)
        print(*tuning);
    else if (d.usable)
        std::printf("     kernels are tested and measured at the first use\n");
    const char* verdict = d.chosen ? "chosen" : d.usable ? "not chosen" : "refused";
    std::printf("     %s%s%s\n", verdict, d.reason.empty() ? "" : ": ", d.reason.c_str());
}

static void tune_chosen(const Global& global, const DeviceOptions& options) {
    catch_interrupts();
    Reporter reporter(global.json                   ? Voice::events
                      : global.environment.terminal ? Voice::bar
                                                    : Voice::plain,
                      global.quiet);
    auto device = Device::open(options);
    if (!device)
        throw sdk::Failure(kiln_status(int(device.error().status)), device.error().message);
    TuneOptions tuning{.folder = options.cache_folder, .again = true, .cancelled = interrupted};
    tuning.progress = [&](int done, int total) {
        kiln_progress p{};
        p.step = uint32_t(done), p.total = uint32_t(total), p.fraction = double(done) / total;
        p.stage = kTuningStage;
        reporter.progress(p);
    };
    if (auto tuned = tune(*device, tuning); !tuned)
        throw sdk::Failure(kiln_status(int(tuned.error().status)), tuned.error().message);
}

int devices(const Global& global, bool tune) {
    DeviceOptions options;
    options.select = global.device, options.profile = global.caps;
    options.cache_folder = global.environment.cache;
    if (tune) tune_chosen(global, options);
    auto list = Device::list(options);
    if (!list) throw sdk::Failure(kiln_status(int(list.error().status)), list.error().message);
    bool any = false;
    for (const DeviceReport& d : *list) {
        const auto tuning = kept_tuning(d.caps, options.cache_folder);
        if (global.json)
            std::printf("%s\n", row(d, tuning).dump().c_str());
        else
            print(d, tuning);
        any |= d.chosen;
    }
    if (!any)
        throw sdk::Failure(KILN_NO_DEVICE, global.device.empty()
                                               ? "no device can be used; each says why above"
                                               : "no usable device is called " + global.device);
    return KILN_DONE;
}

}   // namespace kiln::app
