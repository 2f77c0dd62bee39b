// Attention that leaves padding out, as the text encoders of transformers do it.
#pragma once
#include "runtime/ops/ops.h"

namespace kiln {

// What attention adds to the scores: nothing where `mask` [n, t] is 1 (text), and where it is 0
// (padding) so much that nothing is left of the key. [n, 1, 1, t].
inline Tensor hide_padding(const Tensor& mask) {
    return reshape(affine(mask, 1e9f, -1e9f), {mask[0], 1, 1, mask[1]});
}

// The same for each of `queries`. [n, 1, queries, t].
inline Tensor hide_padding(const Tensor& mask, int64_t queries) {
    return broadcast_to(hide_padding(mask), {mask[0], 1, queries, mask[1]});
}

}   // namespace kiln
