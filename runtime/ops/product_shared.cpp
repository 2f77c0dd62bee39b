// Products on any device: tiles of the operands in shared memory, of the result in registers.
#include <utility>

#include "kernels/matmul.h"
#include "runtime/ops/product_storage.h"

namespace kiln {
namespace {

constexpr int64_t kDepth = 16;   // of the tiles along K

bool fits(const Caps&, const Product& p) { return stores_as_residual(p); }

bool has_workgroups(const Caps& caps, const Product&) { return caps.invocations >= 256; }

// The driver keeps 64 sums in the registers of an invocation, and enough invocations side by side:
// not Intel's, which spills, nor AMD's before RDNA3, where only two subgroups are left.
bool has_registers(const Caps& caps, const Product& p) {
    return has_workgroups(caps, p) && caps.shared_memory >= 20480 &&
           caps.kind == DeviceKind::discrete && caps.vendor_id != vendor::intel &&
           (caps.vendor_id != vendor::amd || caps.mixed_dot);
}

// Invocations, how many of them stand across the columns, and rows and fours of columns of each.
constexpr ProductTile tile(uint32_t threads, uint32_t across, uint32_t rows, uint32_t columns,
                           double speed, bool (*fits)(const Caps&, const Product&) = nullptr) {
    return {.rows = rows * (threads / across),
            .columns = 4 * columns * across,
            .shape = {threads, across, rows, columns},
            .speed = speed,
            .fits = fits};
}

constexpr ProductTile kTiles[] = {tile(256, 16, 8, 2, 1.5, has_registers),
                                  tile(256, 16, 4, 2, 1.2, has_workgroups), tile(128, 8, 4, 2, 1.0),
                                  tile(128, 8, 4, 1, 0.75), tile(128, 32, 4, 1, 0.55)};

void launch(Lowering& lowering, const Product& p, const ProductTile& tile) {
    using namespace kernels::matmul;
    const Caps& caps = lowering.caps();
    auto constants = storage_constants<Constants>(p);
    constants.local_x = tile.shape[0];
    constants.across = tile.shape[1];
    constants.rows = tile.shape[2];
    constants.columns = tile.shape[3];
    constants.whole = p.channels % kDepth == 0;
    constants.statistics = present(p.statistics);
    constants.normalised = p.normalised();
    if (p.gated) {
        constants.gate = 1 + std::exchange(constants.activation, 0u);
        constants.gate_bias = std::exchange(constants.bias, 0u);
    }
    Launch launch =
        kernels::matmul::launch(is_wide(p) ? Variant::wide : Variant::main,
                                {.a = p.a,
                                 .b = p.b,
                                 .bias = p.bias_or_any(),
                                 .residual = p.residual_or_any(),
                                 .d = p.d,
                                 .statistics = p.statistics_or_any(),
                                 .factors = p.factors_or_any()},
                                product_args<Args>(p), constants, product_grid(p, tile));
    // Intel's driver prefers wide subgroups, and spills with them.
    if (caps.vendor_id == vendor::intel && caps.subgroup_size_control)
        launch.subgroup_size = caps.subgroup_min;
    lowering.launch(std::move(launch));
}

bool gates(const ProductTile& tile) { return tile.shape[3] % 2 == 0; }

}   // namespace

const ProductFamily kProductShared = {.name = "shared",
                                      .fits = fits,
                                      .tiles = kTiles,
                                      .launch = launch,
                                      .bf16 = true,
                                      .skips = true,
                                      .normalises = true,
                                      .statistics = true,
                                      .gates = gates};

}   // namespace kiln
