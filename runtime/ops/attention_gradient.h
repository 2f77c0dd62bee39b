// The gradient of attention. Within runtime/ops only.
#pragma once
#include "runtime/ops/ops.h"

namespace kiln {

// d sum(y * d) by q, k and v for y = softmax(q k^T scale) v; all [n, heads, rows, width]. Works on
// as many queries at a time as have at most `scores` of them.
struct AttentionGradient {
    Tensor q, k, v;
};
AttentionGradient attention_gradient(const AttentionGradient& of, const Tensor& y, const Tensor& d,
                                     float scale, int64_t scores = 4 << 20);

}   // namespace kiln
