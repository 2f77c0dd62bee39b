// Products on GPUs whose shared memory is no faster than their cache, and for few rows on all of
// them: tiles of the result in registers, no barrier.
// Tiles by vendor: IREE, compiler/src/iree/compiler/Codegen/SPIRV (AdrenoConfig, MaliConfig).
#include "kernels/matmul_registers.h"
#include "runtime/ops/product_storage.h"

namespace kiln {
namespace {

bool fits(const Caps&, const Product& p) { return stores_as_residual(p); }

bool is_adreno(const Caps& caps, const Product&) { return caps.vendor_id == vendor::qualcomm; }
bool is_mobile(const Caps& caps, const Product&) {
    return caps.vendor_id == vendor::arm || caps.vendor_id == vendor::qualcomm ||
           caps.vendor_id == vendor::imagination || caps.vendor_id == vendor::broadcom ||
           caps.profile == "mobile";
}
bool is_cpu(const Caps& caps, const Product& p) {
    return caps.kind == DeviceKind::cpu && !is_mobile(caps, p);
}
bool is_other(const Caps& caps, const Product& p) {
    return !is_cpu(caps, p) && !is_mobile(caps, p);
}

// Invocations, how many of them stand across the columns, and rows and fours of columns of each.
constexpr ProductTile tile(bool (*fits)(const Caps&, const Product&), uint32_t threads,
                           uint32_t across, uint32_t rows, uint32_t columns, double speed) {
    return {.rows = rows * (threads / across),
            .columns = 4 * columns * across,
            .shape = {threads, across, rows, columns},
            .speed = speed,
            .fits = fits};
}

// Drivers that run on the CPU gain most from the lack of barriers.
constexpr ProductTile kTiles[] = {
    tile(is_adreno, 64, 32, 16, 1, 2.0), tile(is_mobile, 64, 8, 4, 2, 1.8),
    tile(is_mobile, 32, 8, 6, 1, 1.5),   tile(is_cpu, 64, 8, 4, 2, 3.0),
    tile(is_other, 64, 8, 4, 2, 0.5),    tile(nullptr, 64, 64, 4, 1, 0.3)};

void launch(Lowering& lowering, const Product& p, const ProductTile& tile) {
    using namespace kernels::matmul_registers;
    const Caps& caps = lowering.caps();
    auto constants = storage_constants<Constants>(p);
    constants.local_x = tile.shape[0];
    constants.across = tile.shape[1];
    constants.rows = tile.shape[2];
    constants.columns = tile.shape[3];
    bool wide = is_wide(p) && tile.shape[3] % (p.gated ? 4 : 2) == 0;
    constants.normalised = p.normalised();
    constants.gated = p.gated;
    Launch launch =
        kernels::matmul_registers::launch(wide ? Variant::wide : Variant::main,
                                          {.a = p.a,
                                           .b = p.b,
                                           .bias = p.bias_or_any(),
                                           .residual = p.residual_or_any(),
                                           .d = p.d,
                                           .factors = p.factors_or_any()},
                                          product_args<Args>(p), constants, product_grid(p, tile));
    if (caps.vendor_id == vendor::intel && caps.subgroup_size_control)
        launch.subgroup_size = caps.subgroup_min;
    lowering.launch(std::move(launch));
}

bool gates(const ProductTile& tile) { return tile.shape[3] % 2 == 0; }

}   // namespace

const ProductFamily kProductRegisters = {.name = "registers",
                                         .fits = fits,
                                         .tiles = kTiles,
                                         .launch = launch,
                                         .bf16 = true,
                                         .skips = true,
                                         .normalises = true,
                                         .gates = gates};

}   // namespace kiln
