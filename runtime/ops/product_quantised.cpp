#include "runtime/ops/product_quantised.h"

#include "kernels/matmul_quantised.h"
#include "runtime/base/check.h"
#include "runtime/ops/dequantise.h"

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

void launch_tiles(Lowering& lowering, const Product& p) {
    using namespace kernels::matmul_quantised;
    const Tile tile = tile_of(lowering.caps(), p);
    // Two tiles of 32 k fit 16 KiB up to 64 x 64.
    const uint32_t depth = tile.tall() + tile.wide() <= 128 ? 8 : 4;
    lowering.launch(launch(Variant::main,
                           {.a = p.a,
                            .b = p.b,
                            .bias = present(p.bias) ? p.bias : p.a,
                            .residual = present(p.residual) ? p.residual : p.a,
                            .d = p.d},
                           {.rows = uint32_t(p.rows()),
                            .columns = uint32_t(p.columns / 4),
                            .depth = uint32_t(p.channels / 4),
                            .image_rows = uint32_t(p.map.pixels()),
                            .scale = p.alpha},
                           {.local_x = tile.threads,
                            .rows = tile.rows,
                            .columns = tile.columns,
                            .across = tile.across,
                            .depth = depth,
                            .a_format = product_format(p.a.dtype),
                            .b_format = product_format(p.b.dtype),
                            .d_format = product_format(p.d.dtype),
                            .bias = present(p.bias) ? 1 + product_format(p.bias.dtype) : 0,
                            .activation = uint32_t(p.activation),
                            .residual = uint32_t(p.residual_kind)},
                           {div_up(p.rows(), tile.tall()), div_up(p.columns, tile.wide()), 1}));
}

}   // namespace

QuantisedWay quantised_way(const Caps& caps, const Product& p) {
    const bool texels =
        caps.kind == DeviceKind::cpu && caps.subgroup_ballot && caps.subgroup_size == 8;
    const bool matrices = matrix_hardware(caps) && p.rows() > 32;
    return texels || matrices || !fits(caps, p) ? QuantisedWay::plain : QuantisedWay::tile;
}

void launch_quantised_product(Lowering& lowering, const Product& p, std::string_view op) {
    if (quantised_way(lowering.caps(), p) == QuantisedWay::tile) return launch_tiles(lowering, p);
    Product plain = p;
    plain.b = lowering.scratch(uint64_t(p.channels * p.columns) * size_of(DType::f16), DType::f16);
    launch_dequantise(lowering, p.b, plain.b, p.channels, p.columns, 1);
    launch_any_product(lowering, plain, op);
}

}   // namespace kiln
