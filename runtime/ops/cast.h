// Conversions of operands. Within runtime/ops only.
#pragma once
#include "runtime/graph/lowering.h"

namespace kiln {

// `count` values of x into y, each in its own dtype; both hold whole fours of them.
void launch_cast(Lowering& lowering, const Operand& x, const Operand& y, uint64_t count);

}   // namespace kiln
