#include "runtime/ops/product_quantised.h"

#include "kernels/matmul_dot.h"
#include "kernels/matmul_quantised.h"
#include "kernels/quantise_rows.h"
#include "runtime/base/check.h"
#include "runtime/ops/dequantise.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

// Invocations, how many of them stand across the columns, and rows and fours of columns of each.
struct Tile {
    uint32_t threads, across, rows, columns;

    uint32_t tall() const { return rows * (threads / across); }
    uint32_t wide() const { return 4 * columns * across; }
};
constexpr Tile kLarge{256, 16, 8, 2}, kMedium{128, 8, 4, 2}, kFlat{128, 8, 1, 2};

Tile tile_of(const Caps& caps, const Product& p) {
    const int64_t groups =
        int64_t(div_up(p.rows(), kLarge.tall())) * div_up(p.columns, kLarge.wide());
    const bool registers = caps.kind == DeviceKind::discrete && caps.vendor_id != 0x8086;
    if (registers && caps.invocations >= kLarge.threads && groups >= 64) return kLarge;
    return p.rows() <= kFlat.tall() ? kFlat : kMedium;
}

// All in one launch, without what only the other kernels do.
bool fits(const Caps& caps, const Product& p) {
    const bool whole = std::max(p.a.size, p.d.size) <= caps.binding_range &&
                       div_up(p.rows(), kFlat.tall()) <= caps.workgroup_count[0];
    const bool bf16 = present(p.bias) && p.bias.dtype == DType::bf16;
    return whole && !bf16 && p.outer * p.inner == 1 && p.map.tap_count() == 1 && !p.transposed &&
           (!present(p.residual) || p.residual.dtype == p.d.dtype);
}

template <class Constants>
Constants constants_of(const Product& p, const Tile& tile) {
    Constants c;
    c.local_x = tile.threads;
    c.rows = tile.rows, c.columns = tile.columns, c.across = tile.across;
    c.b_format = product_format(p.b.dtype), c.d_format = product_format(p.d.dtype);
    c.bias = present(p.bias) ? 1 + product_format(p.bias.dtype) : 0;
    c.activation = uint32_t(p.activation), c.residual = uint32_t(p.residual_kind);
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

template <class Bindings>
Bindings bindings_of(const Product& p, const Operand& a) {
    return {.a = a,
            .b = p.b,
            .bias = present(p.bias) ? p.bias : a,
            .residual = present(p.residual) ? p.residual : a,
            .d = p.d};
}

Grid grid_of(const Product& p, const Tile& tile) {
    return {div_up(p.rows(), tile.tall()), div_up(p.columns, tile.wide()), 1};
}

void launch_tiles(Lowering& lowering, const Product& p) {
    using namespace kernels::matmul_quantised;
    const Tile tile = tile_of(lowering.caps(), p);
    auto constants = constants_of<Constants>(p, tile);
    constants.depth = tile.tall() + tile.wide() <= 128 ? 8 : 4;   // 16 KiB up to 64 x 64
    constants.a_format = product_format(p.a.dtype);
    lowering.launch(launch(Variant::main, bindings_of<Bindings>(p, p.a), args_of<Args>(p),
                           constants, grid_of(p, tile)));
}

void launch_dots(Lowering& lowering, const Product& p) {
    using namespace kernels::matmul_dot;
    const uint64_t blocks = uint64_t(p.rows() * p.channels / 32);
    const Operand bytes = lowering.scratch(blocks * 36);   // 32 codes and a scale
    const Spread s = spread(lowering.caps(), blocks);
    lowering.launch(kernels::quantise_rows::launch(
        kernels::quantise_rows::Variant::main, {.x = p.a, .y = bytes},
        {.count = uint32_t(blocks), .chunk = s.chunk},
        {.local_x = s.local, .format = product_format(p.a.dtype)}, s.grid));
    const Tile tile = tile_of(lowering.caps(), p);
    lowering.launch(launch(Variant::main, bindings_of<Bindings>(p, bytes), args_of<Args>(p),
                           constants_of<Constants>(p, tile), grid_of(p, tile)));
}

bool has_dots(DType b) { return b == DType::q8_0 || b == DType::q4_0 || b == DType::q5_0; }

}   // namespace

QuantisedWay quantised_way(const Caps& caps, const Product& p) {
    const bool texels =
        caps.kind == DeviceKind::cpu && caps.subgroup_ballot && caps.subgroup_size == 8;
    const bool matrices = matrix_hardware(caps) && p.rows() > 32;
    if (texels || matrices || !fits(caps, p)) return QuantisedWay::plain;
    const bool dots = caps.packed_dot && caps.fast_dot && has_dots(p.b.dtype);
    return dots ? QuantisedWay::dot : QuantisedWay::tile;
}

void launch_quantised_product(Lowering& lowering, const Product& p, std::string_view op,
                              QuantisedWay way) {
    if (way == QuantisedWay::tile) return launch_tiles(lowering, p);
    if (way == QuantisedWay::dot) return launch_dots(lowering, p);
    Product plain = p;
    plain.b = lowering.scratch(uint64_t(p.channels * p.columns) * size_of(DType::f16), DType::f16);
    launch_dequantise(lowering, p.b, plain.b, p.channels, p.columns, 1);
    launch_any_product(lowering, plain, op);
}

void launch_quantised_product(Lowering& lowering, const Product& p, std::string_view op) {
    launch_quantised_product(lowering, p, op, quantised_way(lowering.caps(), p));
}

}   // namespace kiln
