// Products split along K where D alone has too few tiles for the device: each part sums some of the
// channels into scratch, as one matrix of a batch, and a second kernel adds the parts in order.
#include <algorithm>

#include "kernels/matmul_split.h"
#include "runtime/ops/product_storage.h"

namespace kiln {
namespace {

constexpr int64_t kWhole = 32;   // parts are multiples of the tiles along K

// The parts, but for their D.
Product part_of(const Product& p, int64_t parts) {
    Product part = p;
    part.channels = p.channels / parts;
    part.outer = parts;
    part.outer_a = part.channels;
    part.outer_b = part.channels * (p.transposed ? 1 : p.pitch_b);
    if (!p.transposed) part.skip_b = (p.channels - part.channels) * p.pitch_b;
    part.bias = part.residual = {};
    part.activation = Activation::none;
    part.residual_kind = Product::Residual::none;
    part.alpha = 1;
    part.d = {.slot = p.d.slot,
              .size = uint64_t(parts * p.rows() * p.columns) * sizeof(float),
              .dtype = DType::f32};
    part.base_d = 0;
    part.pitch_d = p.columns;
    part.outer_d = p.rows() * p.columns;
    return part;
}

}   // namespace

bool can_split(const Caps& caps, const Product& p, const ProductVariant& variant, int64_t parts) {
    if (p.gated || present(p.factors) || p.skip_b) return false;
    if (p.outer * p.inner != 1 || p.channels % (kWhole * parts)) return false;
    Product part = part_of(p, parts);
    if (p.map.tap_count() > 1 && !variant.family->skips) return false;
    if (std::max({p.a.size, p.d.size, part.d.size}) > caps.binding_range) return false;
    if (div_up(p.rows() * p.columns / 4, 64) > caps.workgroup_count[0]) return false;
    return variant.family->fits(caps, part) &&
           (!variant.tile->fits || variant.tile->fits(caps, part)) && stores_as_residual(p);
}

void launch_split(Lowering& lowering, const Product& p, const ProductVariant& variant) {
    Product part = part_of(p, variant.parts);
    part.d = lowering.scratch(part.d.size);
    launch_variant(lowering, part, variant);

    using namespace kernels::matmul_split;
    Product sum = p;
    sum.a = sum.b = part.d;
    sum.inner = variant.parts;
    const auto constants = storage_constants<Constants>(sum);
    lowering.launch(kernels::matmul_split::launch(
        Variant::main, product_bindings<Bindings>(sum), product_args<Args>(sum), constants,
        {div_up(p.rows() * p.columns / 4, constants.local_x), 1, 1}));
}

}   // namespace kiln
