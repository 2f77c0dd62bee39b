// A normalised by image and channel on its way in. Whoever includes this defines FACTORS, the
// binding of what it is normalised by, and FACTORS_CONSTANT, the constant that says whether it is.
#ifndef KILN_NORMALISE_GLSL
#define KILN_NORMALISE_GLSL
#include "lib/product.glsl"

layout(constant_id = FACTORS_CONSTANT) const uint NORMALISED = 0;   // no, or 1 + the activation
layout(set = 0, binding = FACTORS) readonly buffer Factors { vec4 factors[]; };

// Of four channels of an image.
struct Factor {
    vec4 mean, scale, shift;
};
Factor factor_of(uint image, uint channel) {   // which is in fours
    uint at = 3 * (image * channels + channel);
    return Factor(factors[at], factors[at + 1], factors[at + 2]);
}

vec4 normalise(vec4 value, Factor by) {
    value = (value - by.mean) * by.scale + by.shift;
#ifdef SCALAR
    for (uint i = 0; i < 4; i++) value[i] = activate(NORMALISED - 1, value[i], 0.01);
    return value;
#else
    return activate(NORMALISED - 1, value, 0.01);
#endif
}

#endif
