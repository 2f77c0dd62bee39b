// Products whose B is quantised. Within runtime/ops only.
#pragma once
#include "runtime/ops/product_variants.h"

namespace kiln {

// A dense product, one matrix; `product.b` is [channels, computed columns]. In the kernels of the
// table that read it as it is, or with B made plain first, in f16: whichever takes less time.
void launch_quantised_product(Lowering& lowering, const Product& product, std::string_view op);

// The choice for that, with the time of making B plain where it is made so.
ProductChoice cheapest_quantised(const Lowering& lowering, const Product& product);

}   // namespace kiln
