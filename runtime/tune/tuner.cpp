// Each variant is forced in turn by Tuning::only(): first on small work whose result is known, then
// on work of a usual size against the device's clock.
#include "runtime/tune/tuner.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "runtime/graph/graph.h"

namespace kiln {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kUntested = "not tested within the time and memory allowed";

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// In several parts along K: chosen by the speed of the variant in one part.
bool in_parts(std::string_view variant) { return variant.find(" k") != std::string_view::npos; }

std::string operator_of(std::string_view variant) {
    return std::string(variant.substr(0, variant.find('.')));
}

// The largest difference, relative to the largest expected value; infinite for what is not a
// number.
double difference(const std::vector<float>& found, const std::vector<double>& expected) {
    double worst = 0, scale = 1e-30;
    for (double value : expected) scale = std::max(scale, std::abs(value));
    for (size_t i = 0; i < found.size(); i++) {
        const double error = std::abs(double(found[i]) - expected[i]);
        worst = std::max(worst, std::isfinite(error) ? error : INFINITY);
    }
    return worst / scale;
}

}   // namespace

// A trial that begins now may end after the time allowed: one compiles and runs for a second or
// two on the slowest drivers.
bool Tuner::late() const { return seconds_since(start_) > 0.8 * options_.seconds; }

// What operators choose among for each probe.
std::vector<Trial> Tuner::trials(const std::vector<Probe>& probes) {
    std::vector<Trial> list;
    for (const Probe& probe : probes) {
        auto asked = std::make_shared<Guesses>();
        Tuning listening;
        listening.note(asked);
        device_->set_tuning(listening);
        Graph::needs(*device_, {probe.result});
        const size_t first = list.size();
        for (const auto& [variant, guess] : *asked) {
            if (!variant.starts_with(probe.variants)) continue;
            if (guess < 0.01) continue;   // emulated: not chosen whatever comes out
            if (probe.expected.empty() && in_parts(variant)) continue;
            list.push_back({&probe, variant});
            guesses_.insert_or_assign(variant, guess);
        }
        // What promises most comes first, in case that time runs out.
        std::stable_sort(list.begin() + std::ptrdiff_t(first), list.end(),
                         [&](const Trial& a, const Trial& b) {
                             return guesses_[a.variant] > guesses_[b.variant];
                         });
    }
    return list;
}

void Tuner::disable(const std::string& variant, const std::string& reason) {
    if (options_.log)
        options_.log(LogLevel::warning, variant + " is not used on this device: " + reason);
    record_.tuning.set(variant, {0, reason});
}

const Measured* Tuner::unused(const std::string& variant) const {
    const auto& known = record_.tuning.measured();
    const auto found = known.find(variant);
    return found != known.end() && found->second.speed == 0 ? &found->second : nullptr;
}

bool Tuner::wrong(const std::string& variant) const {
    const Measured* known = unused(variant);
    return known && known->reason != kUntested;
}

// The device is lost: the file says at what, and the next start leaves that out. Anything else
// that went wrong is the variant's.
Result<double> Tuner::failed(const Trial& trial, const Error& error) {
    if (device_->lost())
        return Error{error.status, error.message + "; " + trial.variant +
                                       " will not be used from the next start on"};
    if (error.status == Status::interrupted) return error;
    if (error.status == Status::out_of_memory) return kNoMemory;
    disable(trial.variant, error.message);
    return kNotItsWork;
}

Result<double> Tuner::test(const Trial& trial) {
    const auto values = evaluate(device_, trial.probe->result);
    if (!values) return failed(trial, values.error());
    const double worst = difference(*values, trial.probe->expected);
    if (worst <= trial.probe->tolerance) return kPassed;
    disable(trial.variant, "wrong by " + std::to_string(worst) + " in " + trial.probe->name);
    return kNotItsWork;
}

Result<double> Tuner::measure(const Trial& trial) {
    auto graph = Graph::compile(device_, {trial.probe->result}, {.timed = true});
    if (!graph) return failed(trial, graph.error());
    double best = INFINITY, spent = 0;
    for (int pass = 0; pass < 4 && (pass < 2 || spent < 0.05); pass++) {
        const auto start = Clock::now();
        if (auto ran = graph->run(options_.cancelled); !ran) return failed(trial, ran.error());
        double seconds = 0;
        for (const KernelTime& kernel : graph->times()) seconds += kernel.milliseconds / 1e3;
        if (seconds <= 0) seconds = seconds_since(start);
        spent += seconds;
        if (pass == 0 && seconds < 0.1) continue;   // it found caches cold, which matters here
        best = std::min(best, seconds);
        if (seconds >= 0.1) break;
    }
    return trial.probe->work / best;
}

Result<void> Tuner::go_over(const std::vector<Trial>& list, Attempt attempt) {
    for (const Trial& trial : list) {
        if (options_.progress) options_.progress(begun_++, int(record_.total));
        if (options_.cancelled && options_.cancelled())
            return Error{Status::interrupted, "interrupted"};
        if (wrong(trial.variant)) record_.outcomes.emplace(trial.key(), kNotItsWork);
        if (unused(trial.variant) || finished(trial) || late()) continue;
        // Best effort: where this cannot be written, a crash is met again.
        record_.trying = trial.variant;
        (void)file_.write(record_);
        record_.trying.clear();
        Tuning forced = Tuning::only(trial.variant);
        if (!trial.probe->expected.empty())   // also where it would not be the faster way
            forced.set(trial.variant, {1e9, ""});
        device_->set_tuning(forced);
        double outcome = kNotItsWork;
        try {
            const auto done = (this->*attempt)(trial);
            if (!done) return done.error();
            outcome = *done;
        } catch (const ModelError&) {   // a part of the work that this variant does not take
        }
        record_.outcomes[trial.key()] = outcome;
    }
    return {};
}

// What was not tested is not used, unless nothing that was is left of its operator.
Result<void> Tuner::leave_something(const std::vector<Trial>& tests) {
    std::set<std::string> tested, untested;
    for (const Trial& trial : tests) {
        const auto found = record_.outcomes.find(trial.key());
        if (found == record_.outcomes.end() || found->second == kNoMemory)
            untested.insert(trial.variant);
        else if (found->second == kPassed)
            tested.insert(trial.variant);
    }
    std::map<std::string, bool> left;
    for (const auto& [variant, guess] : guesses_)
        left[operator_of(variant)] |= tested.count(variant) && !unused(variant);
    for (const std::string& variant : untested)
        if (left[operator_of(variant)] && !tested.count(variant) && !unused(variant))
            record_.tuning.set(variant, {0, kUntested});
    for (const auto& [name, good] : left) {
        bool any = good;
        for (const auto& [variant, guess] : guesses_)
            any |= operator_of(variant) == name && !unused(variant);
        if (!any)
            return Error{Status::no_device, device_->caps().device + " (" + device_->caps().driver +
                                                ") computes " + name +
                                                " wrongly with every kernel that Kiln has"};
    }
    return {};
}

// Rates become speeds on the scale of the guesses, which stand for what was not measured.
void Tuner::take_rates(const std::vector<Trial>& measured) {
    std::map<std::string, std::pair<double, double>> best;   // rate and guess, by operator
    std::map<std::string, std::vector<double>> rates;
    std::map<std::string, double> means;
    for (const Trial& trial : measured) {
        const auto found = record_.outcomes.find(trial.key());
        if (found != record_.outcomes.end() && found->second > 0)
            rates[trial.variant].push_back(found->second);
    }
    for (const auto& [variant, found] : rates) {
        double logarithms = 0;
        for (double rate : found) logarithms += std::log(rate);
        means[variant] = std::exp(logarithms / double(found.size()));
        auto& [rate, guess] = best[operator_of(variant)];
        rate = std::max(rate, means[variant]), guess = std::max(guess, guesses_[variant]);
    }
    for (const auto& [variant, mean] : means) {
        if (unused(variant)) continue;
        const auto& [rate, guess] = best[operator_of(variant)];
        record_.tuning.set(variant, {mean / rate * guess, ""});
    }
}

Result<void> Tuner::run(const TuningRecord& unfinished, const std::vector<Probe>& tests,
                        const std::vector<Probe>& speeds) {
    // Only what is wrong stays as it was: what is untested, and how speeds compare, may change.
    for (const auto& [variant, known] : unfinished.tuning.measured())
        if (known.speed == 0 && known.reason != kUntested) record_.tuning.set(variant, known);
    if (!unfinished.trying.empty()) disable(unfinished.trying, "the driver failed in its test");
    record_.outcomes = unfinished.outcomes;
    const auto to_test = trials(tests), to_measure = trials(speeds);
    record_.total = to_test.size() + to_measure.size();
    if (auto done = go_over(to_test, &Tuner::test); !done) return done.error();
    if (auto left = leave_something(to_test); !left) return left.error();
    if (auto done = go_over(to_measure, &Tuner::measure); !done) return done.error();
    take_rates(to_measure);
    return {};
}

}   // namespace kiln
