#include "plugins/builtin/session.h"

#include "runtime/tune/tune.h"

namespace kiln::builtin {

LogSink Session::log() const {
    return [options = options_](LogLevel level, std::string_view text) {
        options.log(std::min(kiln_log_level(int(level)), KILN_LOG_WARNING), std::string(text));
    };
}

static TuneOptions tuning(const std::string& folder, const LogSink& log,
                          const sdk::Events& events) {
    TuneOptions t{.folder = folder, .log = log};
    t.progress = [&](int done, int total) {
        events.progress(uint32_t(done), uint32_t(total), 0, kTuningStage);
    };
    t.cancelled = [&] { return events.cancelled(); };
    return t;
}

const std::shared_ptr<Device>& Session::device(const sdk::Events& events) {
    if (device_) return device_;
    DeviceOptions d;
    d.select = options_.device, d.profile = options_.caps;
    d.memory_limit = options_.memory, d.cache_folder = options_.cache, d.log = log();
    auto device = take(Device::open(d));
    if (options_.tuning) take(tune(device, tuning(options_.cache, d.log, events)));
    return device_ = std::move(device);
}

static double share_done(const std::vector<Stage>& stages, std::string_view name, int step,
                         int total) {
    double before = 0;
    for (const Stage& stage : stages) {
        if (stage.name == name) return before + (total > 0 ? stage.share * step / total : 0);
        before += stage.share;
    }
    return 0;
}

StageProgress progress_of(const sdk::Events& events, std::vector<Stage> stages, Batch b) {
    return [&events, stages = std::move(stages), b, fraction = 0.0](std::string_view stage,
                                                                    int step, int total) mutable {
        const double now = (b.done + share_done(stages, stage, step, total) * b.size) / b.total;
        fraction = std::max(fraction, now);
        events.progress(uint32_t(step), uint32_t(total), fraction, std::string(stage).c_str());
    };
}

}   // namespace kiln::builtin
