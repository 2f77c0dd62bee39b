#include "runtime/tune/tune.h"

#include "runtime/tune/tuner.h"

namespace kiln {

std::optional<Tuning> kept_tuning(const Caps& caps, const std::string& folder) {
    const auto record = TuningFile(caps, folder).read();
    if (!record || !record->complete) return {};
    return record->tuning;
}

Result<void> tune(const std::shared_ptr<Device>& device, const TuneOptions& options) {
    const TuningFile file(device->caps(), options.folder);
    const auto record = file.read();
    if (record && record->complete && !options.again) {
        device->set_tuning(record->tuning);
        return {};
    }
    const Tuning before = device->tuning();
    Tuner tuner(device, options, file);
    const auto tuned = [&]() -> Result<Tuning> {
        const auto tests = test_probes(*device), speeds = speed_probes(*device);
        if (!tests || !speeds) return (tests ? speeds : tests).error();
        return tuner.run(record && !record->complete ? *record : TuningRecord{}, *tests, *speeds);
    }();
    device->set_tuning(tuned ? *tuned : before);
    if (!tuned && device->lost()) return tuned.error();
    auto note = [&](const std::string& text) {
        if (options.log) options.log(LogLevel::warning, text);
    };
    const auto written =
        file.write({.tuning = tuner.so_far(), .complete = bool(tuned), .trying = ""});
    if (!written) note(written.error().message);
    if (tuned) return {};
    if (tuned.error().status != Status::out_of_memory) return tuned.error();
    note("kernels were not measured on this device: " + tuned.error().message);
    return {};
}

}   // namespace kiln
