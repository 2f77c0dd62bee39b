// The tensors that a set of outputs is computed from, inputs before users.
#pragma once
#include <unordered_map>
#include <vector>

#include "runtime/tensor/tensor.h"

namespace kiln {

// Every tensor that reaches `outputs`, once each, leaves included; depth first in input order.
std::vector<Tensor> topological_order(const std::vector<Tensor>& outputs);

// How often each is an input of another of `order`, by Tensor::id().
std::unordered_map<const void*, int> count_users(const std::vector<Tensor>& order);

}   // namespace kiln
