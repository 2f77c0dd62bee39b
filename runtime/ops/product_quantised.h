// Products whose B is quantised: read as it is, or made plain first. Within runtime/ops only.
#pragma once
#include "runtime/ops/product.h"

namespace kiln {

// How a product with a quantised B is computed.
enum class QuantisedWay : uint8_t {
    plain,   // B into scratch as f16, then as any product: where fast kernels read only that
    tile,    // blocks become f32 on their way into shared memory
    dot      // rows of A become signed bytes too; packed dot products, of blocks of 32 only
};
QuantisedWay quantised_way(const Caps& caps, const Product& product);

// A dense product, one matrix; `product.b` is quantised, [channels, columns]. The second in a way
// that the device and the operands allow.
void launch_quantised_product(Lowering& lowering, const Product& product, std::string_view op);
void launch_quantised_product(Lowering& lowering, const Product& product, std::string_view op,
                              QuantisedWay way);

}   // namespace kiln
