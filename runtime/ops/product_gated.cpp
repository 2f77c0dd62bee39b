// Gated products, as feed-forward layers of transformers have them (GEGLU): in kernels that compute
// both halves side by side, or as a product and the gate of its result.
// Shazeer. GLU Variants Improve Transformer. 2020.
#include "runtime/base/check.h"
#include "runtime/ops/geglu.h"
#include "runtime/ops/product_quantised.h"
#include "runtime/ops/product_variants.h"
#include "runtime/tensor/quantised.h"

namespace kiln {
namespace {

// The product without its gate, but for D.
Product ungated(const Product& p) {
    Product whole = p;
    whole.gated = false;
    whole.activation = Activation::none;
    whole.columns = whole.pitch_d = p.computed_columns();
    whole.d.size = uint64_t(p.rows() * whole.columns) * size_of(p.d.dtype);
    return whole;
}

bool is_faster_in_one(const Lowering& lowering, const Product& p) {
    constexpr double kValue = 60;   // multiplications in the time of writing and reading one value
    const auto choice_of = [&](const Product& product) {
        return is_quantised(p.b.dtype) ? cheapest_quantised(lowering, product)
                                       : cheapest_storage(lowering, product).choice;
    };
    const Product whole = ungated(p);
    ProductChoice one = choice_of(p), two = choice_of(whole);
    two.time += kValue * double(whole.rows() * whole.columns);
    return one.variant.family && (!two.variant.family || one.time <= two.time);
}

}   // namespace

void launch_gated_product(Lowering& lowering, const Product& p, std::string_view op) {
    ensure(p.activation == Activation::gelu && p.pitch_d == p.columns, "the gate of GEGLU");
    const auto launch = is_quantised(p.b.dtype) ? launch_quantised_product : launch_product;
    if (is_faster_in_one(lowering, p)) return launch(lowering, p, op);
    Product whole = ungated(p);
    whole.d = lowering.scratch(whole.d.size, p.d.dtype);
    launch(lowering, whole, op);
    launch_geglu(lowering, whole.d, p.d, uint64_t(p.rows()), uint64_t(p.columns));
}

}   // namespace kiln
