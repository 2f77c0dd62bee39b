// How long the rest of a run will take.
#pragma once
#include <chrono>
#include <cstdint>

namespace kiln::splat_plugin {

// By the steps of late, as they do not all take the same time.
class Pace {
public:
    // Seconds for so many steps, asked after each step.
    double left(uint32_t steps) {
        const auto now = std::chrono::steady_clock::now();
        const double last = std::chrono::duration<double>(now - before_).count();
        before_ = now;
        seconds_ = seconds_ > 0 ? 0.98 * seconds_ + 0.02 * last : last;
        return seconds_ * steps;
    }

private:
    std::chrono::steady_clock::time_point before_ = std::chrono::steady_clock::now();
    double seconds_ = 0;
};

}   // namespace kiln::splat_plugin
