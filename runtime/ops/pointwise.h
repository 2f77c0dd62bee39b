// How an operator that can absorb a pointwise consumer recognises it. Within runtime/ops only.
#pragma once
#include <optional>

#include "runtime/graph/node.h"
#include "runtime/ops/ops.h"

namespace kiln {

// The activation that the node is, when it is one of enum Activation (leaky relu: slope 0.01 only).
std::optional<Activation> activation_of(const Node& node);

// Whether the node is add(inputs[0], inputs[1]).
bool is_add(const Node& node);

}  // namespace kiln
