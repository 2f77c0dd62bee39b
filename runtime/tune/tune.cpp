#include "runtime/tune/tune.h"

#include <chrono>
#include <thread>

#include "runtime/tune/tuner.h"

namespace kiln {

std::optional<KeptTuning> kept_tuning(const Caps& caps, const std::string& folder) {
    const auto record = TuningFile(caps, folder).read();
    if (!record) return {};
    return KeptTuning{record->tuning, record->outcomes.size(), record->total};
}

// Waits for a process that tunes now, as long as that may take.
static Result<std::optional<FileLock>> lock_for(const TuningFile& file,
                                                const TuneOptions& options) {
    using namespace std::chrono;
    const auto end = steady_clock::now() + duration<double>(2 * options.seconds);
    while (true) {
        auto lock = file.lock();
        if (!lock || *lock || steady_clock::now() > end) return lock;
        if (options.cancelled && options.cancelled())
            return Error{Status::interrupted, "interrupted"};
        std::this_thread::sleep_for(milliseconds(50));
    }
}

static Result<void> tune_now(const std::shared_ptr<Device>& device, const TuneOptions& options,
                             const TuningFile& file, const TuningRecord& unfinished) {
    auto note = [&](const std::string& text) {
        if (options.log) options.log(LogLevel::warning, text);
    };
    const Tuning before = device->tuning();
    Tuner tuner(device, options, file);
    const auto tuned = [&]() -> Result<void> {
        const auto tests = test_probes(*device), speeds = speed_probes(*device);
        if (!tests || !speeds) return (tests ? speeds : tests).error();
        return tuner.run(unfinished, *tests, *speeds);
    }();
    device->set_tuning(tuned ? tuner.record().tuning : before);
    if (!tuned && device->lost()) return tuned.error();
    if (tuner.record().total) {   // else it did not come to a trial
        const auto written = file.write(tuner.record());
        if (!written) note(written.error().message);
    }
    if (tuned) return {};
    if (tuned.error().status != Status::out_of_memory) return tuned.error();
    note("kernels were not measured on this device: " + tuned.error().message);
    return {};
}

// What a run begins with, where one is due.
static std::optional<TuningRecord> unfinished(const std::optional<TuningRecord>& record,
                                              bool again) {
    if (!record || (again && record->complete())) return TuningRecord{};
    if (!again && record->complete()) return {};
    TuningRecord left = *record;
    if (again) left.outcomes.clear();   // what crashed stays out
    return left;
}

Result<void> tune(const std::shared_ptr<Device>& device, const TuneOptions& options) {
    const TuningFile file(device->caps(), options.folder);
    if (!file.kept()) return tune_now(device, options, file, {});
    auto record = file.read();
    std::optional<FileLock> lock;
    if (unfinished(record, options.again)) {
        auto locked = lock_for(file, options);
        if (!locked && locked.error().status == Status::interrupted) return locked.error();
        const bool others_turn = locked && !*locked;
        if (locked) lock = std::move(*locked);
        record = file.read();
        const auto left = unfinished(record, options.again);
        if (left && !others_turn) return tune_now(device, options, file, *left);
    }
    if (record) device->set_tuning(record->tuning);
    return {};
}

}   // namespace kiln
