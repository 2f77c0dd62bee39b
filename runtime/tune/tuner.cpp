// Each variant is forced in turn by Tuning::only(): first on small work whose result is known, then
// on work of a usual size against the device's clock.
#include "runtime/tune/tuner.h"

#include <algorithm>
#include <cmath>

#include "runtime/graph/graph.h"

namespace kiln {
namespace {

using Clock = std::chrono::steady_clock;

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
    result_.set(variant, {0, reason});
}

// The device is lost: the file says at what, and the next start leaves that out. Anything else
// that went wrong is the variant's.
Result<void> Tuner::failed(const Trial& trial, const Error& error) {
    if (device_->lost())
        return Error{error.status, error.message + "; " + trial.variant +
                                       " will not be used from the next start on"};
    if (error.status == Status::interrupted) return error;
    if (error.status == Status::out_of_memory)
        untested_.insert(trial.variant);
    else
        disable(trial.variant, error.message);
    return {};
}

Result<void> Tuner::test(const Trial& trial) {
    const auto values = evaluate(device_, trial.probe->result);
    if (!values) return failed(trial, values.error());
    const double worst = difference(*values, trial.probe->expected);
    if (worst > trial.probe->tolerance)
        disable(trial.variant, "wrong by " + std::to_string(worst) + " in " + trial.probe->name);
    else
        tested_.insert(trial.variant);
    return {};
}

Result<void> Tuner::measure(const Trial& trial) {
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
    rates_[trial.variant].push_back(trial.probe->work / best);
    return {};
}

Result<void> Tuner::go_over(const std::vector<Trial>& list,
                            Result<void> (Tuner::*attempt)(const Trial&)) {
    for (const Trial& trial : list) {
        if (options_.progress) options_.progress(done_++, total_);
        if (options_.cancelled && options_.cancelled())
            return Error{Status::interrupted, "interrupted"};
        if (disabled(trial.variant)) continue;
        if (late()) {
            untested_.insert(trial.variant);
            continue;
        }
        // Best effort: where this cannot be written, a crash is met again.
        (void)file_.write({.tuning = result_, .complete = false, .trying = trial.variant});
        Tuning forced = Tuning::only(trial.variant);
        if (!trial.probe->expected.empty())   // also where it would not be the faster way
            forced.set(trial.variant, {1e9, ""});
        device_->set_tuning(forced);
        try {
            if (auto done = (this->*attempt)(trial); !done) return done;
        } catch (const ModelError&) {   // a part of the work that this variant does not take
        }
    }
    return {};
}

// What was not tested is not used, unless nothing that was is left of its operator.
Result<void> Tuner::leave_something() {
    std::map<std::string, bool> left;
    for (const auto& [variant, guess] : guesses_)
        left[operator_of(variant)] |= tested_.count(variant) && !disabled(variant);
    for (const std::string& variant : untested_)
        if (left[operator_of(variant)] && !tested_.count(variant) && !disabled(variant))
            result_.set(variant, {0, "not tested within the time allowed"});
    for (const auto& [name, good] : left) {
        bool any = good;
        for (const auto& [variant, guess] : guesses_)
            any |= operator_of(variant) == name && !disabled(variant);
        if (!any)
            return Error{Status::no_device, device_->caps().device + " (" + device_->caps().driver +
                                                ") computes " + name +
                                                " wrongly with every kernel that Kiln has"};
    }
    return {};
}

// Rates become speeds on the scale of the guesses, which stand for what was not measured.
void Tuner::take_rates() {
    std::map<std::string, std::pair<double, double>> best;   // rate and guess, by operator
    std::map<std::string, double> means;
    for (const auto& [variant, rates] : rates_) {
        double logarithms = 0;
        for (double rate : rates) logarithms += std::log(rate);
        means[variant] = std::exp(logarithms / double(rates.size()));
        auto& [rate, guess] = best[operator_of(variant)];
        rate = std::max(rate, means[variant]), guess = std::max(guess, guesses_[variant]);
    }
    for (const auto& [variant, mean] : means) {
        if (disabled(variant)) continue;
        const auto& [rate, guess] = best[operator_of(variant)];
        result_.set(variant, {mean / rate * guess, ""});
    }
}

Result<Tuning> Tuner::run(const TuningRecord& unfinished, const std::vector<Probe>& tests,
                          const std::vector<Probe>& speeds) {
    result_ = unfinished.tuning;
    if (!unfinished.trying.empty()) disable(unfinished.trying, "the driver failed in its test");
    const auto to_test = trials(tests), to_measure = trials(speeds);
    total_ = int(to_test.size() + to_measure.size());
    if (auto done = go_over(to_test, &Tuner::test); !done) return done.error();
    if (auto left = leave_something(); !left) return left.error();
    if (auto done = go_over(to_measure, &Tuner::measure); !done) return done.error();
    take_rates();
    return result_;
}

}   // namespace kiln
