// Reverse-mode differentiation: builds the tensors of the gradient out of the operators' own.
#pragma once
#include <vector>

#include "runtime/tensor/tensor.h"

namespace kiln {

// For each of `wrt`, the gradient of sum(y * d_y). A tensor that does not reach y has a zero
// gradient. Throws ModelError naming an operator that has none. Compile the result with Graph as
// any other tensor; forward values that the gradient needs are computed once, in the same graph.
// Griewank and Walther. Evaluating Derivatives. 2008, section 3.2.
std::vector<Tensor> gradient(const Tensor& y, const Tensor& d_y, const std::vector<Tensor>& wrt);

}   // namespace kiln
