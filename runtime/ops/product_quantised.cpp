// Products with a quantised B on GPUs. Family "quantised": its blocks become f32 on their way into
// shared memory. Family "dot": rows of A become signed bytes as well, with a scale for 32 of them,
// and packed dot products sum within a block; only for blocks of 32 without minima.
#include "runtime/ops/product_quantised.h"

#include "kernels/matmul_dot.h"
#include "kernels/matmul_quantised.h"
#include "kernels/quantise_rows.h"
#include "runtime/ops/dequantise.h"
#include "runtime/ops/product_storage.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

bool fits(const Caps&, const Product& p) {
    return p.outer * p.inner == 1 && p.map.tap_count() == 1 && !p.transposed &&
           stores_as_residual(p);
}

bool fits_dots(const Caps& caps, const Product& p) {
    const DType b = p.b.dtype;
    return fits(caps, p) && caps.packed_dot &&
           (b == DType::q8_0 || b == DType::q4_0 || b == DType::q5_0);
}

bool has_workgroups(const Caps& caps, const Product&) { return caps.invocations >= 256; }

// As of "shared": what has registers for 64 sums an invocation.
bool has_registers(const Caps& caps, const Product& p) {
    return has_workgroups(caps, p) && caps.kind == DeviceKind::discrete &&
           caps.vendor_id != vendor::intel && (caps.vendor_id != vendor::amd || caps.mixed_dot);
}
bool has_fast_dots(const Caps& caps, const Product&) { return caps.fast_dot; }
bool has_both(const Caps& caps, const Product& p) {
    return has_registers(caps, p) && caps.fast_dot;
}

constexpr ProductTile kTiles[] = {owned_tile(256, 16, 8, 2, 1.4, has_registers),
                                  owned_tile(256, 16, 4, 2, 1.1, has_workgroups),
                                  owned_tile(128, 8, 4, 2, 0.95), owned_tile(128, 8, 1, 2, 0.4)};
// The last is what remains without hardware: right, and not chosen unless it was measured.
constexpr ProductTile kDotTiles[] = {owned_tile(256, 16, 8, 2, 2.5, has_both),
                                     owned_tile(128, 8, 4, 2, 1.7, has_fast_dots),
                                     owned_tile(128, 8, 1, 2, 0.01)};

template <class Constants>
Constants constants_of(const Product& p, const ProductTile& tile) {
    Constants c;
    set_constants(c, p);
    set_owned_tile(c, tile);
    c.b_format = product_format(p.b.dtype), c.d_format = product_format(p.d.dtype);
    c.bias = present(p.bias) ? 1 + product_format(p.bias.dtype) : 0;
    return c;
}

template <class Args>
Args args_of(const Product& p) {
    return {.rows = uint32_t(p.rows()),
            .columns = uint32_t(p.columns / 4),
            .depth = uint32_t(p.channels / 4),
            .image_rows = uint32_t(p.map.pixels()),
            .scale = p.alpha};
}

void launch_tiles(Lowering& lowering, const Product& p, const ProductTile& tile) {
    using namespace kernels::matmul_quantised;
    auto constants = constants_of<Constants>(p, tile);
    constants.depth = tile.rows + tile.columns <= 128 ? 8 : 4;   // 16 KiB up to 64 x 64
    constants.a_format = product_format(p.a.dtype);
    lowering.launch(launch(Variant::main, product_bindings<Bindings>(p), args_of<Args>(p),
                           constants, product_grid(p, tile)));
}

void launch_dots(Lowering& lowering, const Product& p, const ProductTile& tile) {
    const uint64_t blocks = uint64_t(p.rows() * p.channels / 32);
    Product bytes = p;
    bytes.a = lowering.scratch(blocks * 36);   // 32 codes and a scale
    const Spread s = spread(lowering.caps(), blocks);
    lowering.launch(kernels::quantise_rows::launch(
        kernels::quantise_rows::Variant::main, {.x = p.a, .y = bytes.a},
        {.count = uint32_t(blocks), .chunk = s.chunk},
        {.local_x = s.local, .format = product_format(p.a.dtype)}, s.grid));
    using namespace kernels::matmul_dot;
    lowering.launch(launch(Variant::main, product_bindings<Bindings>(bytes), args_of<Args>(p),
                           constants_of<Constants>(p, tile), product_grid(p, tile)));
}

}   // namespace

const ProductFamily kProductQuantised = {"quantised", fits, kTiles, launch_tiles, true, true};
const ProductFamily kProductDot = {"dot", fits_dots, kDotTiles, launch_dots, true, true};

namespace {

// The product with B in f16, and what it takes to make it so.
Product with_plain_b(const Product& p) {
    Product plain = p;
    plain.b.dtype = DType::f16;
    plain.b.size = uint64_t(p.channels * p.computed_columns()) * size_of(DType::f16);
    return plain;
}

// The choice for B as it is, and that with it made plain, whose time counts the making.
struct Ways {
    ProductChoice as_is, plain;
    bool takes_as_is() const {
        return as_is.variant.family && (!plain.variant.family || as_is.time <= plain.time);
    }
};

Ways ways_of(const Lowering& lowering, const Product& p) {
    constexpr double kValue = 48;   // multiplications in the time of making one value plain
    Ways ways{cheapest_product(lowering, p), cheapest_storage(lowering, with_plain_b(p)).choice};
    ways.plain.time += kValue * double(p.channels * p.computed_columns());
    return ways;
}

}   // namespace

ProductChoice cheapest_quantised(const Lowering& lowering, const Product& p) {
    const Ways ways = ways_of(lowering, p);
    return ways.takes_as_is() ? ways.as_is : ways.plain;
}

void launch_quantised_product(Lowering& lowering, const Product& p, std::string_view op) {
    if (ways_of(lowering, p).takes_as_is()) return launch_product(lowering, p, op);
    Product plain = with_plain_b(p);
    plain.b = lowering.scratch(plain.b.size, DType::f16);
    launch_dequantise(lowering, p.b, plain.b, p.channels, p.computed_columns(), 1);
    launch_product(lowering, plain, op);
}

}   // namespace kiln
