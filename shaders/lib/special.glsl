// Special functions in f32 whose accuracy does not depend on the driver, over UNIT. None overflows
// to NaN for a large argument. Polynomials for the trigonometric functions, tanh and log: Moshier,
// Cephes Mathematical Library, 1992; erf: a minimax fit, 1.7e-7 relative.
#ifndef KILN_SPECIAL_GLSL
#define KILN_SPECIAL_GLSL

#include "lib/unit.glsl"

UNIT sigmoid(UNIT v) { return 1.0 / (1.0 + exp(-clamp(v, -87.0, 87.0))); }

UNIT tanh_of(UNIT v) {
    UNIT a = min(abs(v), 10.0), z = a * a;
    UNIT small = ((((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z
                   + 1.33314422036e-1) * z - 3.33332819422e-1) * z * a + a;
    UNIT e = exp(-2.0 * a);
    return sign(v) * mix((1.0 - e) / (1.0 + e), small, less_than(a, UNIT(0.625)));
}

UNIT erf_of(UNIT v) {
    UNIT a = min(abs(v), 4.0), z = a * a;
    UNIT small = a * ((((((7.8982019e-5 * z - 8.0243516e-4) * z + 5.190053e-3) * z
                         - 2.6854808e-2) * z + 1.1283612e-1) * z - 3.7612629e-1) * z + 1.1283792);
    UNIT q = (((((((-2.3760866e-7 * a + 3.6591371e-6) * a - 5.2085074e-6) * a - 3.1440466e-4) * a
                 + 3.7855366e-3) * a - 2.4242742e-2) * a + 1.0692556e-1) * a + 6.3467515e-1) * a
             + 1.1287782;
    return sign(v) * mix(1.0 - exp(-a * q), small, less_than(a, UNIT(1.0)));
}

// sin(v + quarters * pi / 2), reduced by pi / 2 in three parts; good to |v| of some ten thousands.
UNIT sine(UNIT v, float quarters) {
    UNIT n = round(v * 0.636619772);
    UNIT r = ((v - n * 1.5703125) - n * 4.837512969970703125e-4) - n * 7.54978995489188216e-8;
    UNIT z = r * r;
    UNIT s = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
    UNIT c = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z
             - 0.5 * z + 1.0;
    UNIT m = n + quarters;
    UNIT odd = m - 2.0 * floor(0.5 * m), half_turn = floor(0.5 * m) - 2.0 * floor(0.25 * m);
    return (1.0 - 2.0 * half_turn) * mix(s, c, less_than(UNIT(0.5), odd));
}

// Natural logarithm of one positive normal number.
float log_of(float v) {
    uint bits = floatBitsToUint(v) - 0x3f3504f3u;   // of sqrt(1/2): a mantissa in [0.707, 1.414)
    float e = float(int(bits) >> 23);
    float x = uintBitsToFloat((bits & 0x7fffffu) + 0x3f3504f3u) - 1.0, z = x * x;
    float y = ((((((((7.0376836292e-2 * x - 1.1514610310e-1) * x + 1.1676998740e-1) * x
                   - 1.2420140846e-1) * x + 1.4249322787e-1) * x - 1.6668057665e-1) * x
                + 2.0000714765e-1) * x - 2.4999993993e-1) * x + 3.3333331174e-1) * x * z;
    return (x + (y - 2.12194440e-4 * e - 0.5 * z)) + 0.693359375 * e;
}

UNIT gelu_of(UNIT v) { return 0.5 * v * (1.0 + erf_of(v * 0.707106781)); }

UNIT gelu_tanh_of(UNIT v) {
    UNIT u = clamp(v, -30.0, 30.0);
    return 0.5 * v * (1.0 + tanh_of(0.797884561 * (u + 0.044715 * u * u * u)));
}

// By the values of Activation in runtime/ops/ops.h.
UNIT activate(uint activation, UNIT v, float slope) {
    switch (activation) {
        case 1u: return v * sigmoid(v);
        case 2u: return gelu_of(v);
        case 3u: return gelu_tanh_of(v);
        case 4u: return v * sigmoid(1.702 * v);
        case 5u: return max(v, 0.0);
        case 6u: return tanh_of(v);
        case 7u: return sigmoid(v);
        case 8u: return mix(v, slope * v, less_than(v, UNIT(0.0)));
        default: return v;
    }
}

#endif
