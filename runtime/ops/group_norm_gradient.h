// The gradient of group norm, with or without SiLU after it, by what it normalizes.
#pragma once
#include "runtime/ops/ops.h"

namespace kiln {

struct GroupNormGradientOptions {
    int groups;
    float eps;
    bool silu;
};

// Whether there is one for a norm with this activation.
inline bool has_group_norm_gradient(Activation activation) {
    return activation == Activation::none || activation == Activation::silu;
}

// d sum(y * d) / dx for y = group_norm(x, ...), or silu of it; d has the shape of x, weight and
// bias are [c] or both empty.
Tensor group_norm_gradient(const Tensor& d, const Tensor& x, const Tensor& weight,
                           const Tensor& bias, const GroupNormGradientOptions& options);

}   // namespace kiln
