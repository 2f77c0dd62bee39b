// A network that takes turns with others in device memory.
#pragma once
#include <memory>
#include <vector>

#include "runtime/nn/weights.h"

namespace kiln {

class Resident {
public:
    virtual ~Resident() = default;
    // Those that are loaded when first used.
    virtual const std::vector<std::shared_ptr<Weight>>& weights() const = 0;
    // Gives back all device memory until the next use. False: it held none.
    virtual bool release() = 0;
};

}   // namespace kiln
