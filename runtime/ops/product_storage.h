// What the families whose kernels include lib/product_storage.glsl have in common: operands in
// storage buffers. Within runtime/ops only.
#pragma once
#include "runtime/ops/dequantise.h"
#include "runtime/ops/product_variants.h"

namespace kiln {

// The variant WIDE: every extent, pitch and stride along the last axis is a multiple of eight.
inline bool is_wide(const Product& p) {
    for (int64_t extent : {p.channels, p.columns, p.pitch_a, p.pitch_b, p.skip_b, p.base_a,
                           p.base_b, p.outer_a, p.inner_a, p.outer_b, p.inner_b})
        if (extent % 8) return false;
    return true;
}

// A residual is read as the result is stored.
inline bool stores_as_residual(const Product& p) {
    return !present(p.residual) || p.residual.dtype == p.d.dtype;
}

// Intel's driver prefers wide subgroups, and spills with them; 0: the driver's choice.
inline uint32_t unspilling_subgroup(const Caps& caps) {
    return caps.vendor_id == vendor::intel && caps.subgroup_size_control ? caps.subgroup_min : 0;
}

// All but the tile's.
template <class Constants>
Constants storage_constants(const Product& p) {
    Constants constants;
    set_constants(constants, p);
    constants.a_format = product_format(p.a.dtype);
    constants.b_format = product_format(p.b.dtype);
    constants.d_format = product_format(p.d.dtype);
    constants.bias = present(p.bias) ? 1 + product_format(p.bias.dtype) : 0;
    return constants;
}

}   // namespace kiln
