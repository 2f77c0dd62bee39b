// The activations that matrix products apply before they store: enum Activation in runtime/ops/ops.h.
#ifndef KILN_ACTIVATION_GLSL
#define KILN_ACTIVATION_GLSL

const uint kSilu = 1, kGelu = 2, kGeluTanh = 3, kQuickGelu = 4, kRelu = 5, kTanh = 6, kSigmoid = 7,
           kLeakyRelu = 8;

vec4 sigmoid4(vec4 x) { return 1.0 / (1.0 + exp(-x)); }

// tanh of any magnitude; some drivers overflow in their own.
vec4 tanh4(vec4 x) {
    vec4 e = exp(-2.0 * abs(x));
    return sign(x) * (1.0 - e) / (1.0 + e);
}

// Abramowitz and Stegun. Handbook of Mathematical Functions. 1964, 7.1.26; error below 1.5e-7.
vec4 erf4(vec4 x) {
    vec4 t = 1.0 / (1.0 + 0.3275911 * abs(x));
    vec4 p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return sign(x) * (1.0 - p * exp(-x * x));
}

vec4 activate(uint kind, vec4 x) {
    if (kind == kSilu) return x * sigmoid4(x);
    if (kind == kGelu) return 0.5 * x * (1.0 + erf4(x * 0.70710678));
    if (kind == kGeluTanh) return 0.5 * x * (1.0 + tanh4(0.7978845608 * (x + 0.044715 * x * x * x)));
    if (kind == kQuickGelu) return x * sigmoid4(1.702 * x);
    if (kind == kRelu) return max(x, vec4(0.0));
    if (kind == kTanh) return tanh4(x);
    if (kind == kSigmoid) return sigmoid4(x);
    if (kind == kLeakyRelu) return mix(0.01 * x, x, greaterThan(x, vec4(0.0)));
    return x;
}

#endif
