// Attention of f16 tensors on matrices that a whole workgroup shares (VK_NV_cooperative_matrix2).
#include <algorithm>

#include "kernels/attention_matrix2.h"
#include "runtime/ops/attention_variants.h"
#include "runtime/ops/product_matrix.h"

namespace kiln {
namespace {

// Invocations that share in the matrices, or 0: one subgroup, as emulating drivers have it.
uint32_t sharers_of(const AttentionTile& tile) { return tile.shape[0]; }

// Of a head, with zeros: what the extents of both products are multiples of. 0: the device does not
// multiply the tile.
uint32_t columns_of(const Caps& caps, int64_t width, const AttentionTile& tile) {
    for (const MatrixShape& s : caps.flexible_matrices) {
        const uint32_t step = std::max(s.n, s.k), columns = div_up(width, step) * step;
        if (sums_halves(s) && s.invocations == sharers_of(tile) && tile.rows % s.m == 0 &&
            tile.keys % step == 0)
            return columns;
    }
    return 0;
}

// What an invocation keeps, in registers: queries and weights in f16, the rest in f32.
uint32_t kept(const AttentionTile& tile, uint32_t columns) {
    const uint32_t of_sums = tile.rows * columns, of_scores = tile.rows * tile.keys;
    return (of_sums * 3 / 2 + of_scores * 7 / 2) / std::max(sharers_of(tile), 1u);
}

bool fits(const Caps& caps, const AttentionWork& w, const AttentionTile& tile) {
    if (!attends_halves(w)) return false;
    const uint32_t sharers = sharers_of(tile), columns = columns_of(caps, w.width, tile);
    const uint32_t threads = sharers ? sharers : caps.subgroup_size;
    const uint32_t staged = sharers ? 0 : 16 * std::max(tile.rows, tile.keys) * (columns / 8 + 1);
    return columns && caps.matrix_tensors == (sharers != 0) && caps.storage_16bit &&
           std::max({tile.rows, tile.keys, columns}) <= caps.matrix_extent &&
           sharers <= caps.matrix_invocations && threads <= caps.invocations &&
           staged + caps.matrix_shared <= caps.shared_memory &&
           (!sharers || kept(tile, columns) <= 200);
}

constexpr AttentionTile tile(uint32_t rows, uint32_t keys, uint32_t sharers, double speed) {
    return {.rows = rows, .keys = keys, .shape = {sharers}, .speed = speed};
}

// The last is of emulating drivers, not chosen unless it is asked for. lavapipe 26.2 reduces only
// half of a row beyond the eighth.
constexpr AttentionTile kTiles[] = {tile(128, 64, 256, 9), tile(64, 64, 128, 8),
                                    tile(64, 32, 128, 7), tile(32, 32, 128, 4),
                                    tile(8, 16, 0, 1e-3)};

void launch(Lowering& lowering, const AttentionWork& w, const AttentionTile& tile) {
    using namespace kernels::attention_matrix2;
    const Caps& caps = lowering.caps();
    const uint32_t sharers = sharers_of(tile);
    auto constants = attention_constants<Constants>(w);
    constants.local_x = sharers ? sharers : caps.subgroup_size;
    constants.rows = tile.rows, constants.keys = tile.keys;
    constants.columns = columns_of(caps, w.width, tile);
    Launch launch = kernels::attention_matrix2::launch(
        sharers ? Variant::workgroup : Variant::subgroup, attention_bindings<Bindings>(w),
        attention_args<Args>(w), constants, attention_grid(w, tile));
    if (!sharers && caps.subgroup_size_control) launch.subgroup_size = caps.subgroup_size;
    lowering.launch(std::move(launch));
}

}   // namespace

const AttentionFamily kAttentionMatrix2 = {
    .name = "matrix2", .fits = fits, .tiles = kTiles, .launch = launch};

}   // namespace kiln
