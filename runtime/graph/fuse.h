// The fusion pass: lets each operator absorb what is done to its result.
#pragma once
#include <vector>

#include "runtime/tensor/tensor.h"

namespace kiln {

// The same outputs, with every consumer that its sole producer can absorb (Op::absorb) folded in.
std::vector<Tensor> fuse(const std::vector<Tensor>& outputs);

}   // namespace kiln
