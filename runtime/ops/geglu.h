// GEGLU for the operators that compute it with what comes before. Within runtime/ops only.
#pragma once
#include "runtime/graph/node.h"

namespace kiln {

bool is_geglu(const Op& op);

// x [rows, 2 width] into y [rows, width]; 16-bit types in whole fours.
void launch_geglu(Lowering& lowering, const Operand& x, const Operand& y, uint64_t rows,
                  uint64_t width);

}   // namespace kiln
