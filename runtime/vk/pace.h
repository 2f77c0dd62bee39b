// How long work takes on a device: guessed from its kind, then corrected by what ran. Submissions
// are cut by it, so that no watchdog fires (Windows resets a GPU that is silent for two seconds)
// and a run can be cancelled soon.
#pragma once
#include "runtime/vk/caps.h"

namespace kiln {

// What a launch amounts to: multiplications and additions, and bytes that it has to move at least.
struct Work {
    double flops = 0, bytes = 0;
};

class Pace {
public:
    explicit Pace(const Caps& caps);

    double guess(const Work& work) const;   // milliseconds of one launch, from the kind alone
    double slowness() const { return slowness_; }   // measured over guessed
    double milliseconds(const Work& work) const { return slowness_ * guess(work); }
    double longest() const { return longest_; }   // milliseconds that one submission should take
    int parts(const Work& work) const;   // in which a launch is dispatched to keep within longest()

    // Work that was expected to take `expected` milliseconds took `measured`.
    void learn(double expected, double measured);
    bool learned() const { return learned_; }

private:
    double flops_, bytes_;   // a millisecond
    double longest_;
    double slowness_ = 1;
    bool learned_ = false;
};

}   // namespace kiln
