// What an operator that absorbs its consumer must know of pointwise ones. Within runtime/ops only.
#pragma once
#include <optional>

#include "runtime/graph/node.h"
#include "runtime/ops/ops.h"

namespace kiln {

struct FusedActivation {
    Activation activation;
    float slope;   // leaky_relu
};

// Set when `op` is silu, gelu, gelu_tanh, quick_gelu, relu, tanh, sigmoid or leaky_relu.
std::optional<FusedActivation> activation_of(const Op& op);

// Whether `op` is add(); its node's two inputs broadcast against each other.
bool is_add(const Op& op);

}   // namespace kiln
