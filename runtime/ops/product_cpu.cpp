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
constexpr ProductTile kTiles[] = {tile(4, 2, 11),  tile(3, 2, 10.8), tile(2, 2, 10), tile(4, 1, 9),
                                  tile(2, 1, 8.2), tile(1, 2, 7.5),  tile(1, 1, 6.8)};

void launch(Lowering& lowering, const Product& p, const ProductTile& tile) {
    using namespace kernels::matmul_cpu;
    Constants constants{.rows = tile.shape[0], .columns = tile.shape[1]};
    set_constants(constants, p);
    constants.bias = present(p.bias);
    constants.half = is_half(p.d);
    Launch launch =
        kernels::matmul_cpu::launch(Variant::main, product_bindings<Bindings>(p),
                                    product_args<Args>(p), constants, product_grid(p, tile));
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
