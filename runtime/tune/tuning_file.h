// A tuning on disk: JSON, one file for each device, driver, caps profile and build. Within
// runtime/tune only.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/io/file_lock.h"
#include "runtime/vk/caps.h"
#include "runtime/vk/tuning.h"

namespace kiln {

// What came of finished trials, by Trial::key(): multiplications a second, or one of these.
using Outcomes = std::map<std::string, double>;
constexpr double kPassed = 1, kNotItsWork = 0, kNoMemory = -1;

struct TuningRecord {
    Tuning tuning;        // to be used, complete or not
    std::string trying;   // the variant that runs now: if it is read, the process ended in it
    Outcomes outcomes;    // for the next start to go on from
    size_t total = 0;     // trials
    bool complete() const { return outcomes.size() >= total; }
};

class TuningFile {
public:
    TuningFile(const Caps& caps, const std::string& folder);   // an empty folder keeps nothing

    // What this build left; nothing for a file that is absent, spoiled or of another build.
    std::optional<TuningRecord> read() const;
    Result<void> write(const TuningRecord& record) const;

    // So that one process at a time tunes. Nothing: another does.
    Result<std::optional<FileLock>> lock() const;
    bool kept() const { return !path_.empty(); }

private:
    std::string path_, device_;
};

}   // namespace kiln
