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
    // `longest` in milliseconds; 0: as the kind of the device wants it.
    explicit Pace(const Caps& caps, double longest = 0);

    double guess(const Work& work) const;   // milliseconds of one launch, from the kind alone
    double slowness() const { return slowness_; }   // measured over guessed
    double milliseconds(const Work& work) const { return slowness_ * guess(work); }
    double longest() const { return longest_; }   // milliseconds that one submission should take
    // Whether a launch may have to be dispatched in parts: by the guess, hence the same in each
    // start, so that its pipeline is. In how many, to keep within longest(): by what is known.
    bool divisible(const Work& work) const { return guess(work) > longest_; }
    int parts(const Work& work) const;

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
