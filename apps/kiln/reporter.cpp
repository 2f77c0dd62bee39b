#include "apps/kiln/reporter.h"

#include <cmath>
#include <cstdio>

namespace kiln::app {

using std::chrono::steady_clock;

Reporter::Reporter(Voice voice, bool quiet)
    : voice_(voice),
      quiet_(quiet),
      start_(steady_clock::now()),
      drawn_(start_ - std::chrono::hours(1)) {}

Reporter::~Reporter() { clear_bar(); }

double Reporter::seconds() const {
    return std::chrono::duration<double>(steady_clock::now() - start_).count();
}

void Reporter::event(const sdk::Json& event) {
    std::string line = event.dump(-1, ' ', false, sdk::Json::error_handler_t::replace) + '\n';
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
}

void Reporter::clear_bar() {
    if (bar_shown_) std::fputs("\r\033[K", stderr);
    bar_shown_ = false;
}

std::string clock_text(double seconds) {
    long long s = std::llround(seconds);
    char text[40];
    if (s >= 3600)
        std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        std::snprintf(text, sizeof text, "%lld:%02lld", s / 60, s % 60);
    return text;
}

void Reporter::log(kiln_log_level level, const std::string& message) {
    if (voice_ == Voice::events) {
        const char* names[] = {"debug", "info", "warning"};
        return event({{"event", "log"}, {"level", names[level]}, {"message", message}});
    }
    if (quiet_ || level == KILN_LOG_DEBUG) return;
    clear_bar();
    std::fprintf(stderr, "kiln: %s%s\n", level == KILN_LOG_WARNING ? "warning: " : "",
                 message.c_str());
}

void Reporter::progress(const kiln_progress& p) {
    double fraction = std::fmin(std::fmax(p.fraction, 0.0), 1.0);
    double left = p.seconds_left;
    if (left <= 0 && fraction > 0) left = seconds() * (1 - fraction) / fraction;
    std::string stage = p.stage ? p.stage : "";
    bool known = left > 0 || fraction >= 1;   // how long it will take
    if (voice_ == Voice::events) {
        sdk::Json e = {{"event", "progress"},
                       {"stage", stage},
                       {"step", p.step},
                       {"total", p.total},
                       {"fraction", fraction}};
        if (known) e["seconds_left"] = std::round(left * 1000) / 1000;
        return event(e);
    }
    if (voice_ != Voice::bar || quiet_) return;
    auto now = steady_clock::now();
    if (now - drawn_ < std::chrono::milliseconds(50) && fraction < 1) return;
    drawn_ = now, bar_shown_ = true;
    constexpr int kWidth = 28;
    int filled = int(fraction * kWidth);
    std::string bar = std::string(size_t(filled), '#') + std::string(size_t(kWidth - filled), '.');
    std::string count = p.total ? std::to_string(p.step) + "/" + std::to_string(p.total) : "";
    std::string wait = known ? clock_text(left) + " left" : "";
    std::fprintf(stderr, "\r\033[K%-18.18s %9s [%s] %3d%%  %s", stage.c_str(), count.c_str(),
                 bar.c_str(), int(fraction * 100), wait.c_str());
    std::fflush(stderr);
}

void Reporter::preview(const sdk::ArtifactView& preview) {
    if (voice_ == Voice::events)
        event({{"event", "preview"},
               {"index", preview.index},
               {"media_type", preview.media_type},
               {"bytes", preview.data.size()}});
}

void Reporter::written(const std::string& path, const sdk::ArtifactView& artifact) {
    clear_bar();
    if (voice_ == Voice::events)
        return event({{"event", "artifact"},
                      {"index", artifact.index},
                      {"path", path},
                      {"media_type", artifact.media_type},
                      {"bytes", artifact.data.size()},
                      {"metadata", artifact.metadata}});
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);
}

void Reporter::failed(kiln_status status, const std::string& message) {
    clear_bar();
    if (voice_ == Voice::events)
        event({{"event", "error"}, {"status", int(status)}, {"message", message}});
    std::fprintf(stderr, "kiln: %s\n", message.c_str());
}

void Reporter::finished() {
    clear_bar();
    if (voice_ == Voice::events)
        event({{"event", "done"}, {"seconds", std::round(seconds() * 1000) / 1000}});
}

}   // namespace kiln::app
