#include "runtime/tune/tune.h"

#include <chrono>
#include <thread>

#include "runtime/tune/tuner.h"

namespace kiln {

std::optional<Tuning> kept_tuning(const Caps& caps, const std::string& folder) {
    const auto record = TuningFile(caps, folder).read();
    if (!record || !record->complete) return {};
    return record->tuning;
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
                             const TuningFile& file, const std::optional<TuningRecord>& record) {
    auto note = [&](const std::string& text) {
        if (options.log) options.log(LogLevel::warning, text);
    };
    const Tuning before = device->tuning();
    Tuner tuner(device, options, file);
    const auto tuned = [&]() -> Result<Tuning> {
        const auto tests = test_probes(*device), speeds = speed_probes(*device);
        if (!tests || !speeds) return (tests ? speeds : tests).error();
        return tuner.run(record && !record->complete ? *record : TuningRecord{}, *tests, *speeds);
    }();
    device->set_tuning(tuned ? *tuned : before);
    if (!tuned && device->lost()) return tuned.error();
    const auto written =
        file.write({.tuning = tuner.so_far(), .complete = bool(tuned), .trying = ""});
    if (!written) note(written.error().message);
    if (tuned) return {};
    if (tuned.error().status != Status::out_of_memory) return tuned.error();
    note("kernels were not measured on this device: " + tuned.error().message);
    return {};
}

Result<void> tune(const std::shared_ptr<Device>& device, const TuneOptions& options) {
    const TuningFile file(device->caps(), options.folder);
    if (!file.kept()) return tune_now(device, options, file, {});
    auto record = file.read();
    std::optional<FileLock> lock;
    if (options.again || !record || !record->complete) {
        auto locked = lock_for(file, options);
        if (!locked && locked.error().status == Status::interrupted) return locked.error();
        if (locked) lock = std::move(*locked);
        if (locked && !lock) return {};   // another process takes its time: do without
        record = file.read();
    }
    if (!record || !record->complete || options.again)
        return tune_now(device, options, file, record);
    device->set_tuning(record->tuning);
    return {};
}

}   // namespace kiln
