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

constexpr ProductTile kTiles[] = {
    owned_tile(256, 16, 8, 2, 1.5, has_registers), owned_tile(256, 16, 4, 2, 1.2, has_workgroups),
    owned_tile(128, 8, 4, 2, 1.0), owned_tile(128, 8, 4, 1, 0.75), owned_tile(128, 32, 4, 1, 0.55)};

void launch(Lowering& lowering, const Product& p, const ProductTile& tile) {
    using namespace kernels::matmul;
    auto constants = storage_constants<Constants>(p);
    set_owned_tile(constants, tile);
    constants.whole = p.channels % kDepth == 0;
    if (p.gated) {
        constants.gate = 1 + std::exchange(constants.activation, 0u);
        constants.gate_bias = std::exchange(constants.bias, 0u);
    }
    Launch launch = kernels::matmul::launch(is_wide(p) ? Variant::wide : Variant::main,
                                            product_bindings<Bindings>(p), product_args<Args>(p),
                                            constants, product_grid(p, tile));
    launch.subgroup_size = unspilling_subgroup(lowering.caps());
    lowering.launch(std::move(launch));
}

}   // namespace

const ProductFamily kProductShared = {.name = "shared",
                                      .fits = fits,
                                      .tiles = kTiles,
                                      .launch = launch,
                                      .bf16 = true,
                                      .skips = true,
                                      .normalises = true,
                                      .statistics = true,
                                      .gates = gates_owned_tile};

}   // namespace kiln
