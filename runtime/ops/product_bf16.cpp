// Products of operands in bf16 where the fast kernels of a device read none: through f32.
#include "runtime/ops/cast.h"
#include "runtime/ops/product_variants.h"

namespace kiln {
namespace {

bool is_bf16(const Operand& o) { return present(o) && o.dtype == DType::bf16; }

std::array<Operand*, 5> operands_of(Product& p) { return {&p.a, &p.b, &p.bias, &p.residual, &p.d}; }

uint64_t values_in(const Operand& bf16) { return bf16.size / sizeof(uint16_t); }

}   // namespace

bool has_bf16(const Product& p) {
    return is_bf16(p.a) || is_bf16(p.b) || is_bf16(p.bias) || is_bf16(p.residual) || is_bf16(p.d);
}

StorageChoice cheapest_storage(const Lowering& lowering, const Product& p) {
    constexpr double kValue = 24;   // multiplications in the time of converting one value
    const ProductChoice narrow = cheapest_product(lowering, p);
    if (!has_bf16(p)) return {narrow, false};
    Product wide = p;
    double converted = 0;
    for (Operand* o : operands_of(wide)) {
        if (!is_bf16(*o)) continue;
        converted += double(values_in(*o));
        *o = {.slot = o->slot, .size = 2 * o->size, .dtype = DType::f32};
    }
    ProductChoice wider = cheapest_product(lowering, wide);
    wider.time += kValue * converted;
    const bool better =
        wider.variant.family && (!narrow.variant.family || wider.time < narrow.time);
    return {better ? wider : narrow, better};
}

void through_f32(Lowering& lowering, const Product& p,
                 const std::function<void(const Product&)>& launch) {
    Product wide = p;
    for (Operand* o : operands_of(wide)) {
        if (!is_bf16(*o)) continue;
        const Operand narrow = *o;
        *o = lowering.scratch(2 * narrow.size, DType::f32);
        if (o != &wide.d) launch_cast(lowering, narrow, *o, values_in(narrow));
    }
    launch(wide);
    if (is_bf16(p.d)) launch_cast(lowering, wide.d, p.d, values_in(p.d));
}

}   // namespace kiln
