#include "runtime/vk/pace.h"

#include <algorithm>
#include <cmath>

namespace kiln {
namespace {

constexpr double kLaunch = 0.003;   // milliseconds beside the work itself
constexpr double kTelling = 1;      // milliseconds below which a measurement tells nothing

struct Guess {
    double gflops, gbs, longest;
};

// What the slowest devices of a kind do with plain kernels. A CPU has no watchdog.
Guess guess_of(DeviceKind kind) {
    switch (kind) {
        case DeviceKind::discrete: return {1000, 100, 100};
        case DeviceKind::cpu: return {20, 5, 1000};
        default: return {100, 10, 100};
    }
}

}   // namespace

Pace::Pace(const Caps& caps, double longest) {
    Guess g = guess_of(caps.kind);
    flops_ = g.gflops * 1e6, bytes_ = g.gbs * 1e6;
    longest_ = longest > 0 ? longest : g.longest;
}

double Pace::guess(const Work& work) const {
    return kLaunch + std::max(work.flops / flops_, work.bytes / bytes_);
}

int Pace::parts(const Work& work) const {
    constexpr double kMost = 1 << 16;
    return int(std::clamp(std::ceil(milliseconds(work) / longest_), 1.0, kMost));
}

// Slower is believed at once, faster by and by.
void Pace::learn(double expected, double measured) {
    if (expected <= 0 || std::max(expected, measured) < kTelling) return;
    double seen = std::clamp(slowness_ * measured / expected, 1e-4, 1e4);
    slowness_ = std::max(seen, learned_ ? 0.8 * slowness_ + 0.2 * seen : seen);
    learned_ = true;
}

}   // namespace kiln
