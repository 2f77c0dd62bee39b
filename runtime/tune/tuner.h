// The trials of a device's kernel variants. Within runtime/tune only.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "runtime/tune/probes.h"
#include "runtime/tune/tune.h"
#include "runtime/tune/tuning_file.h"

namespace kiln {

struct Trial {
    const Probe* probe;
    std::string variant;
    std::string key() const { return variant + ": " + probe->name; }
};

class Tuner {
public:
    Tuner(std::shared_ptr<Device> device, const TuneOptions& options, const TuningFile& file)
        : device_(std::move(device)), options_(options), file_(file) {}

    // Goes on from what an unfinished run found. The names of all probes differ.
    Result<void> run(const TuningRecord& unfinished, const std::vector<Probe>& tests,
                     const std::vector<Probe>& speeds);
    // What is to be kept: of what run() came to, or how far it came.
    const TuningRecord& record() const { return record_; }

private:
    std::vector<Trial> trials(const std::vector<Probe>& probes);
    using Attempt = Result<double> (Tuner::*)(const Trial&);   // gives the outcome
    Result<void> go_over(const std::vector<Trial>& list, Attempt attempt);
    Result<double> test(const Trial& trial);
    Result<double> measure(const Trial& trial);
    Result<double> failed(const Trial& trial, const Error& error);
    void disable(const std::string& variant, const std::string& reason);
    const Measured* unused(const std::string& variant) const;   // null: it may be used
    bool wrong(const std::string& variant) const;
    bool late() const;
    Result<void> leave_something(const std::vector<Trial>& tests);
    void take_rates(const std::vector<Trial>& measured);
    bool finished(const Trial& trial) const { return record_.outcomes.count(trial.key()); }

    std::shared_ptr<Device> device_;
    const TuneOptions& options_;
    const TuningFile& file_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    Guesses guesses_;
    TuningRecord record_;
    int begun_ = 0;
};

}   // namespace kiln
