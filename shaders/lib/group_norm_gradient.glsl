// What the kernels of group norm's gradient share.
#ifndef KILN_GROUP_NORM_GRADIENT_GLSL
#define KILN_GROUP_NORM_GRADIENT_GLSL

#include "lib/special.glsl"

layout(constant_id = 1) const bool SILU = false;   // after the norm

// d by the result of the norm, to which SiLU may have been applied.
UNIT by_norm(UNIT d, UNIT y) {
    if (!SILU) return d;
    UNIT s = sigmoid(y);
    return d * s * (1.0 + y * (1.0 - s));
}

#endif
