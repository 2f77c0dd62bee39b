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

// Drivers that run on the CPU gain most from the lack of barriers.
constexpr ProductTile kTiles[] = {
    owned_tile(64, 32, 16, 1, 2.0, is_adreno), owned_tile(64, 8, 4, 2, 1.8, is_mobile),
    owned_tile(32, 8, 6, 1, 1.5, is_mobile),   owned_tile(64, 8, 4, 2, 3.0, is_cpu),
    owned_tile(64, 8, 4, 2, 0.5, is_other),    owned_tile(64, 64, 4, 1, 0.3)};

void launch(Lowering& lowering, const Product& p, const ProductTile& tile) {
    using namespace kernels::matmul_registers;
    auto constants = storage_constants<Constants>(p);
    set_owned_tile(constants, tile);
    bool wide = is_wide(p) && tile.shape[3] % (p.gated ? 4 : 2) == 0;
    Launch launch = kernels::matmul_registers::launch(
        wide ? Variant::wide : Variant::main, product_bindings<Bindings>(p), product_args<Args>(p),
        constants, product_grid(p, tile));
    launch.subgroup_size = unspilling_subgroup(lowering.caps());
    lowering.launch(std::move(launch));
}

}   // namespace

const ProductFamily kProductRegisters = {.name = "registers",
                                         .fits = fits,
                                         .tiles = kTiles,
                                         .launch = launch,
                                         .bf16 = true,
                                         .skips = true,
                                         .normalises = true,
                                         .gates = gates_owned_tile};

}   // namespace kiln
