// The operands of a product in storage buffers, for the kernels that load them without texel
// fetches: what a load brings, and what becomes of a sum. Constants 1 to 7 are the same in each.
//
// An item is what one invocation loads at a time: a four-vector, or with WIDE, where all extents
// along the last axis are multiples of eight, two, which are 128 bits in 16-bit types.
#ifndef KILN_PRODUCT_STORAGE_GLSL
#define KILN_PRODUCT_STORAGE_GLSL
#include "lib/format.glsl"
#include "lib/product.glsl"

layout(constant_id = 1) const uint A_FORMAT = 0;      // kF32, kF16 or kBF16
layout(constant_id = 2) const uint B_FORMAT = 0;
layout(constant_id = 3) const uint D_FORMAT = 0;
layout(constant_id = 4) const uint TRANSPOSED = 0;    // B is [columns, K]
layout(constant_id = 5) const uint BIAS = 0;          // 0: none, else 1 + format
layout(constant_id = 6) const uint ACTIVATION = 0;
layout(constant_id = 7) const uint RESIDUAL = 0;      // kNone, kSame or kImage; stored as D is

#ifdef WIDE
#define VECTOR uvec4
const uint kItem = 2;
#else
#define VECTOR uvec2
const uint kItem = 1;
#endif

layout(set = 0, binding = 0) readonly buffer A { VECTOR a[]; };
layout(set = 0, binding = 1) readonly buffer B { VECTOR b[]; };
layout(set = 0, binding = 2) readonly buffer Bias { uvec2 bias[]; };
layout(set = 0, binding = 3) readonly buffer Residual { uvec2 residual[]; };
layout(set = 0, binding = 4) writeonly buffer D { uvec2 d[]; };

// As it lies in memory: 16-bit types in the first half of it, so that it waits in few registers.
struct Item { uvec4 bits[2]; };
const Item kZeros = Item(uvec4[2](uvec4(0), uvec4(0)));

// The item that begins at four-vector `index`.
#ifdef WIDE
#define FETCH(buffer_, format, index) (format != kF32 \
    ? Item(uvec4[2](buffer_[(index) / 2], uvec4(0))) \
    : Item(uvec4[2](buffer_[index], buffer_[(index) + 1])))
#else
#define FETCH(buffer_, format, index) (format != kF32 \
    ? Item(uvec4[2](uvec4(buffer_[index], 0, 0), uvec4(0))) \
    : Item(uvec4[2](uvec4(buffer_[2 * (index)], buffer_[2 * (index) + 1]), uvec4(0))))
#endif
Item fetch_a(uint index) { return FETCH(a, A_FORMAT, index); }
Item fetch_b(uint index) { return FETCH(b, B_FORMAT, index); }

// Four-vector i of an item.
vec4 four_of(Item item, uint format, uint i) {
    if (format == kF32) return uintBitsToFloat(item.bits[i]);
    uvec2 pair = i == 0 ? item.bits[0].xy : item.bits[0].zw;
    return format == kF16 ? unpack_f16(pair) : unpack_bf16(pair);
}

#ifdef FACTORS
#include "lib/normalise.glsl"

// Four values of A, from `channel` of an image on, which is in fours.
vec4 normalise(vec4 value, uint image, uint channel) {
    return normalise(value, factor_of(image, channel));
}
#endif

// Adds the residual to a value at (row, column) of a matrix of D that begins at d0, stores and
// returns it; `column` in fours. Rows of kImage begin at channel0.
vec4 put(vec4 value, uint row, uint column, uint d0, uint channel0) {
    uint at = d0 + row * pitch_d + column;
    if (RESIDUAL == kSame) value += LOAD_FORMAT(residual, D_FORMAT, at);
    if (RESIDUAL == kImage)
        value += LOAD_FORMAT(residual, D_FORMAT, image_row(row) + channel0 + column);
    if (D_FORMAT != kF32) {
        d[at] = D_FORMAT == kF16 ? pack_f16(value) : pack_bf16(value);
    } else {
        uvec4 bits = floatBitsToUint(value);
        d[2 * at] = bits.xy;
        d[2 * at + 1] = bits.zw;
    }
    return value;
}

vec4 biased(vec4 sum, uint column) {
    vec4 value = alpha * sum;
    if (BIAS != 0) value += LOAD_FORMAT(bias, BIAS - 1, column);
    return value;
}

// Stores what becomes of the sum at (row, column), and returns it. The bias begins at channel0.
vec4 finish(vec4 sum, uint row, uint column, uint d0, uint channel0) {
    if (row >= rows || column >= columns) return vec4(0.0);
    vec4 value = activate(ACTIVATION, biased(sum, channel0 + column), 0.01);
    return put(value, row, column, d0, channel0);
}

// The same of a sum and that of its gate, whose bias is `columns` behind.
vec4 finish_gated(vec4 sum, vec4 gate, uint row, uint column, uint d0) {
    if (row >= rows || column >= columns) return vec4(0.0);
    vec4 value = biased(sum, column) * activate(ACTIVATION, biased(gate, columns + column), 0.01);
    return put(value, row, column, d0, 0);
}

#endif
