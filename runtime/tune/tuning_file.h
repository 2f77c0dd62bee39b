// A tuning on disk: JSON, one file for each device, driver and caps profile. Within runtime/tune.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/vk/caps.h"
#include "runtime/vk/tuning.h"

namespace kiln {

struct TuningRecord {
    Tuning tuning;
    bool complete = true;   // else only what was found to be wrong so far counts
    std::string trying;     // the variant that runs now: if it is read, the process ended in it
};

class TuningFile {
public:
    TuningFile(const Caps& caps, const std::string& folder);   // an empty folder keeps nothing

    // What this build left; nothing for a file that is absent, spoiled or of another build.
    std::optional<TuningRecord> read() const;
    Result<void> write(const TuningRecord& record) const;

private:
    std::string path_, device_;
};

}   // namespace kiln
