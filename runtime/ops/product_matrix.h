// What the families of products on cooperative matrices have in common. Within runtime/ops only.
#pragma once
#include "runtime/ops/product_storage.h"

namespace kiln {

// Row r of the product is pixel r of A.
bool is_plain(const Product& product);

// The device has cooperative matrices of f16, A and B are stored so (f32 would lose its range, and
// bf16 too), and what is loaded of them eight at a time counts in eights. Bias, residual and D may
// be f32 as well. `depth` is that of the tiles along K, which must not cross what a part skips. No
// gates where B lies by columns.
bool multiplies_halves(const Caps& caps, const Product& product, uint32_t depth);

// Subgroups as large as each vendor's compiler takes without spilling.
uint32_t matrix_subgroup(const Caps& caps);

// Whether a kernel's subgroups have a size that is known: a required one, or the only one.
bool knows_subgroup(const Caps& caps);

// Whether B that lies by rows is transposed on its way into shared memory: matrix loads of its
// columns are slow on some. CPU drivers have it either way, for tests.
bool turns_b(const Caps& caps, bool on_cpu);

// The rows of each tile of the product are of one image.
bool is_of_one_image(const Product& product, const ProductTile& tile);

// Of families that know gates wherever a tile fits a product.
inline bool gates_where_it_fits(const ProductTile&) { return true; }

// A shape that multiplies f16 and sums in f32.
bool sums_halves(const MatrixShape& shape);

}   // namespace kiln
