// How each picture of a fit was exposed, learnt beside the splats: on the host, as there are few.
// Source: Kingma, Ba. Adam: A Method for Stochastic Optimization. 2015, algorithm 1, with the
// defaults of section 2.
#pragma once
#include <vector>

#include "modalities/splat/fit/losses.h"

namespace kiln {

class Exposures {
public:
    explicit Exposures(size_t pictures);   // each as it was drawn

    Exposure at(size_t picture) const;
    // Slopes that are not finite change nothing. Gains stay within 1/8 to 8, offsets within 1; the
    // mean of all logarithms of gains, and of all offsets, stays 0 within these limits, as what all
    // pictures have in common is the scene's.
    void step(size_t picture, const std::array<double, 3>& by_gain,
              const std::array<double, 3>& by_offset, double rate);

    // All that there is to save: for each picture its values, their moments and its steps.
    const std::vector<float>& values() const { return values_; }
    // False, and as before, unless these are of as many pictures, finite, and within the limits.
    bool restore(const std::vector<float>& values);

private:
    void centre(size_t which);   // of the six values

    std::vector<float> values_;   // [pictures, 19]
};

}   // namespace kiln
