// One network of a checkpoint: its files, and where in them its tensors lie.
#pragma once
#include <memory>

#include "runtime/nn/weights.h"

namespace kiln {

struct CheckpointPart {
    std::shared_ptr<const TensorFiles> files;
    NameMap names;   // empty: by the names that the model asks for
};

// Whether the files keep the weights of the part's first layer in fewer than 32 bits.
bool stored_in_half(const CheckpointPart& part);

}   // namespace kiln
