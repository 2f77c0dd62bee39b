// Products on drivers that run on the CPU: a workgroup of one subgroup of eight lanes, operands
// through texel buffers.
#include "kernels/matmul_cpu.h"
#include "runtime/ops/product_variants.h"

namespace kiln {
namespace {

bool fits(const Caps& caps, const Product& p) {
    return caps.kind == DeviceKind::cpu && caps.subgroup_ballot && caps.subgroup_size == 8 &&
           reads_texels(caps, p);
}

constexpr ProductTile tile(uint32_t rows, uint32_t columns, double speed) {
    return {.rows = 8 * rows, .columns = 32 * columns, .shape = {rows, columns}, .speed = speed};
}

// On such a driver the other families take about a fifteenth of this speed.
constexpr ProductTile kTiles[] = {tile(4, 2, 11),  tile(3, 2, 10.8), tile(2, 2, 10),
                                  tile(2, 1, 8.2), tile(1, 2, 7.5),  tile(1, 1, 6.8)};

void launch(Lowering& lowering, const Product& p, const ProductTile& tile) {
    using namespace kernels::matmul_cpu;
    Launch launch = kernels::matmul_cpu::launch(Variant::main,
                                                {.a = p.a,
                                                 .b = p.b,
                                                 .bias = p.bias_or_any(),
                                                 .residual = p.residual_or_any(),
                                                 .d = p.d,
                                                 .statistics = p.statistics_or_any(),
                                                 .factors = p.factors_or_any()},
                                                product_args<Args>(p),
                                                {.rows = tile.shape[0],
                                                 .columns = tile.shape[1],
                                                 .transposed = p.transposed,
                                                 .bias = present(p.bias),
                                                 .activation = uint32_t(p.activation),
                                                 .residual = uint32_t(p.residual_kind),
                                                 .half = is_half(p.d),
                                                 .statistics = present(p.statistics),
                                                 .normalised = p.normalised(),
                                                 .gated = p.gated},
                                                product_grid(p, tile));
    if (lowering.caps().subgroup_size_control) launch.subgroup_size = 8;
    lowering.launch(std::move(launch));
}

bool gates(const ProductTile& tile) { return tile.shape[1] % 2 == 0; }

}   // namespace

const ProductFamily kProductCpu = {.name = "cpu",
                                   .fits = fits,
                                   .tiles = kTiles,
                                   .launch = launch,
                                   .skips = true,
                                   .normalises = true,
                                   .statistics = true,
                                   .gates = gates};

}   // namespace kiln
