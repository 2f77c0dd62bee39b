// What the products with a quantised matrix B have in common: arguments, operands and what becomes
// of a sum. Rows of A and D are plain rows, one matrix each. Constants 1 to 5 are the same in each.
#ifndef KILN_PRODUCT_QUANTISED_GLSL
#define KILN_PRODUCT_QUANTISED_GLSL
#include "lib/special.glsl"

layout(constant_id = 1) const uint B_FORMAT = 8;      // of lib/format.glsl
layout(constant_id = 2) const uint D_FORMAT = 0;
layout(constant_id = 3) const uint BIAS = 0;          // 0: none, else 1 + format
layout(constant_id = 4) const uint ACTIVATION = 0;
layout(constant_id = 5) const uint RESIDUAL = 0;      // 0: none, 1: like D, 2: a row an image

layout(set = 0, binding = 1) readonly buffer B { uvec2 b[]; };
layout(set = 0, binding = 2) readonly buffer Bias { uvec2 bias[]; };
layout(set = 0, binding = 3) readonly buffer Residual { uvec2 residual[]; };
layout(set = 0, binding = 4) writeonly buffer D { uvec2 d[]; };

layout(push_constant) uniform Args {
    uint rows, columns, depth;                        // of D; of D and K in fours
    uint image_rows;                                  // rows of D that share a row of the residual
    float scale;                                      // of the product
};

#define QUANT_PAIR(i) b[i]
#include "lib/quant.glsl"

void finish(uint row, uint column, vec4 sum) {
    if (row >= rows || column >= columns) return;
    uint at = row * columns + column;
    vec4 value = scale * sum;
    if (BIAS != 0) value += LOAD_FORMAT(bias, BIAS - 1, column);
    value = activate(ACTIVATION, value, 0.01);
    if (RESIDUAL == 1) value += LOAD_FORMAT(residual, D_FORMAT, at);
    uint of_image = row / image_rows * columns + column;
    if (RESIDUAL == 2) value += LOAD_FORMAT(residual, D_FORMAT, of_image);
    if (D_FORMAT != kF32) {
        d[at] = D_FORMAT == kF16 ? pack_f16(value) : pack_bf16(value);
    } else {
        uvec4 bits = floatBitsToUint(value);
        d[2 * at] = bits.xy;
        d[2 * at + 1] = bits.zw;
    }
}

#endif
