// Attention over columns of longer rows, as joined projections leave q, k and v side by side.
// Within runtime/ops only.
#pragma once
#include "runtime/graph/node.h"

namespace kiln {

// The attention that reads the columns of `whole` from `begin` on where `consumer` reads `part`;
// null when `consumer` is not attention or cannot.
std::shared_ptr<const Node> attention_over_columns(const Node& consumer, const Tensor& part,
                                                   const Tensor& whole, int64_t begin);

}   // namespace kiln
