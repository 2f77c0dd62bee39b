// Google. Trace Event Format. 2016.
#include "apps/bench/trace.h"

#include <algorithm>

namespace kiln::bench {
namespace {

constexpr int kDevice = 1, kHost = 2;   // as processes of the trace

Row event(int process, const std::string& name, double begin, double milliseconds) {
    return {{"ph", "X"},    {"pid", process},     {"tid", 1},
            {"name", name}, {"ts", begin * 1000}, {"dur", milliseconds * 1000}};
}

Row named(int process, const std::string& name) {
    return {{"ph", "M"}, {"pid", process}, {"name", "process_name"}, {"args", {{"name", name}}}};
}

// When the first launch began on the host's clock: as early as may be, so that none begins before
// it was submitted.
double first_begin(const Step& step) {
    double begin = step.submissions.empty() ? 0 : step.submissions[0].submitted;
    for (const MeasuredLaunch& l : step.launches)
        for (const Submission& s : step.submissions)
            if (s.begin <= l.chunk && l.chunk < s.end)
                begin = std::max(begin, s.submitted - l.begin);
    return begin;
}

}   // namespace

std::string trace_of(const Step& step, const Peaks& peaks, const std::string& device) {
    Row events = {named(kDevice, device), named(kHost, "host")};
    if (step.submissions.empty()) return Row{{"traceEvents", events}}.dump();
    const double origin = step.submissions[0].submitted - step.compiled;
    events.push_back(event(kHost, "compile the graph", 0, step.compiled));
    for (const Submission& s : step.submissions) {
        events.push_back(event(kHost, "submit", s.submitted - origin, s.returned - s.submitted));
        events.push_back(event(kHost, "wait", s.finished - s.waited - origin, s.waited));
    }
    const double first = first_begin(step);
    for (const MeasuredLaunch& l : step.launches) {
        Row e = event(kDevice, l.variant, first + l.begin - origin, l.milliseconds);
        e["cat"] = l.module;
        e["args"] = {{"module", l.path},
                     {"shape", l.shape},
                     {"dtype", name_of(l.dtype)},
                     {"gflops", l.work.flops / l.milliseconds / 1e6},
                     {"gbs", l.work.bytes / l.milliseconds / 1e6},
                     {"share", peaks.milliseconds(l.work, l.dtype) / l.milliseconds}};
        events.push_back(e);
    }
    return Row{
        {"displayTimeUnit", "ms"},
        {"otherData", {{"step", step.network.title}, {"dtype", name_of(step.network.dtype)}}},
        {"traceEvents", events}}
        .dump();
}

}   // namespace kiln::bench
