// What a run tells its user: a progress bar on a terminal, or one JSON event a line on stdout.
#pragma once
#include <chrono>
#include <string>

#include "plugins/sdk/host.h"

namespace kiln::app {

enum class Voice { bar, plain, events };   // plain: neither a bar nor events

class Reporter {
public:
    // quiet keeps warnings and notes back, errors not.
    Reporter(Voice voice, bool quiet);
    ~Reporter();

    void log(kiln_log_level level, const std::string& message);
    void progress(const kiln_progress& progress);
    void preview(const sdk::ArtifactView& preview);
    void written(const std::string& path, const sdk::ArtifactView& artifact);
    void failed(kiln_status status, const std::string& message);
    void finished();

private:
    void event(const sdk::Json& event);
    void clear_bar();
    double seconds() const;   // since the beginning

    Voice voice_;
    bool quiet_, bar_shown_ = false;
    std::chrono::steady_clock::time_point start_, drawn_;
};

// "0:07", "12:30", "1:02:03"
std::string clock_text(double seconds);

}   // namespace kiln::app
