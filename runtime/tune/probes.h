// The work that kernel variants are tested and measured with. Within runtime/tune only.
#pragma once
#include <string>
#include <vector>

#include "runtime/tensor/tensor.h"
#include "runtime/vk/device.h"

namespace kiln {

struct Probe {
    std::string variants;   // that take part, by how their names begin: "matmul."
    std::string name;       // its own, for messages, too: "a convolution of 68 in f16"
    Tensor result;
    std::vector<double> expected;   // empty: only measured
    double tolerance = 0;           // of the difference, relative to the largest expected value
    double work = 0;                // multiplications
};

// Of odd sizes, with results that are computed here in double precision.
Result<std::vector<Probe>> test_probes(Device& device);
// Of the sizes that models have, as far as the device computes them in a moment.
Result<std::vector<Probe>> speed_probes(Device& device);

}   // namespace kiln
