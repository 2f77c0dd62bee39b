// The trials of a device's kernel variants. Within runtime/tune only.
#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/tune/probes.h"
#include "runtime/tune/tune.h"
#include "runtime/tune/tuning_file.h"

namespace kiln {

struct Trial {
    const Probe* probe;
    std::string variant;
};

class Tuner {
public:
    Tuner(std::shared_ptr<Device> device, const TuneOptions& options, const TuningFile& file)
        : device_(std::move(device)), options_(options), file_(file) {}

    // Goes on from what an unfinished run found.
    Result<Tuning> run(const TuningRecord& unfinished, const std::vector<Probe>& tests,
                       const std::vector<Probe>& speeds);
    const Tuning& so_far() const { return result_; }

private:
    std::vector<Trial> trials(const std::vector<Probe>& probes);
    Result<void> go_over(const std::vector<Trial>& list,
                         Result<void> (Tuner::*attempt)(const Trial&));
    Result<void> test(const Trial& trial);
    Result<void> measure(const Trial& trial);
    Result<void> failed(const Trial& trial, const Error& error);
    void disable(const std::string& variant, const std::string& reason);
    bool disabled(const std::string& variant) const {
        const auto found = result_.measured().find(variant);
        return found != result_.measured().end() && found->second.speed == 0;
    }
    bool late() const;
    Result<void> leave_something();
    void take_rates();

    std::shared_ptr<Device> device_;
    const TuneOptions& options_;
    const TuningFile& file_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    Guesses guesses_;
    Tuning result_;
    std::map<std::string, std::vector<double>> rates_;   // multiplications a second
    std::set<std::string> tested_, untested_;
    int done_ = 0, total_ = 0;
};

}   // namespace kiln
