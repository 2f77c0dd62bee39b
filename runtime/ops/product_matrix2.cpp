// Products of f16 tensors on matrices that a whole workgroup shares (VK_NV_cooperative_matrix2).
#include <algorithm>

#include "kernels/matmul_matrix2.h"
#include "runtime/ops/product_matrix.h"

namespace kiln {
namespace {

// Invocations that share in the matrices, or 0: one subgroup, as emulating drivers have it.
uint32_t sharers_of(const ProductTile& tile) { return tile.shape[0]; }

uint32_t depth_of(const ProductTile& tile) { return tile.shape[1]; }   // of tiles along K

// A goes through shared memory: the pixels of a convolution, and what is normalised on its way.
bool stages_a(const Product& p) { return !is_plain(p) || present(p.factors); }

// Shared memory of the tiles that are not loaded as tensors, or of D's statistics after them.
uint32_t shared_bytes(const ProductTile& tile, const Product& p) {
    uint32_t depth = depth_of(tile), of_a = tile.rows * (depth + 8),
             by_row = depth * (tile.columns + 8), by_column = tile.columns * (depth + 8);
    uint32_t tiles = stages_a(p) || !sharers_of(tile) ? 2 * of_a : 0;
    if (!sharers_of(tile)) tiles += 2 * std::max(by_row, by_column);
    return std::max(tiles, 32 * tile.columns);
}

bool fits_tile(const Caps& caps, const Product& p, const ProductTile& tile) {
    uint32_t depth = depth_of(tile), sharers = sharers_of(tile),
             threads = sharers ? sharers : caps.subgroup_size,
             columns = p.gated ? tile.columns / 2 : tile.columns;
    bool shape = std::any_of(
        caps.flexible_matrices.begin(), caps.flexible_matrices.end(), [&](const auto& s) {
            return sums_halves(s) && s.invocations == sharers && tile.rows % s.m == 0 &&
                   columns % s.n == 0 && depth % s.k == 0;
        });
    return shape && multiplies_halves(caps, p, depth) && caps.matrix_tensors == (sharers != 0) &&
           caps.storage_16bit && std::max({tile.rows, tile.columns, depth}) <= caps.matrix_extent &&
           sharers <= caps.matrix_invocations && threads <= caps.invocations &&
           shared_bytes(tile, p) + caps.matrix_shared <= caps.shared_memory;
}

template <uint32_t rows, uint32_t columns, uint32_t sharers, uint32_t depth>
bool fits_tile(const Caps& caps, const Product& p) {
    constexpr ProductTile tile{.rows = rows, .columns = columns, .shape = {sharers, depth}};
    return fits_tile(caps, p, tile);
}

template <uint32_t rows, uint32_t columns, uint32_t sharers, uint32_t depth>
constexpr ProductTile tile(double speed) {
    return {.rows = rows,
            .columns = columns,
            .shape = {sharers, depth},
            .speed = speed,
            .fits = fits_tile<rows, columns, sharers, depth>};
}

// The last two are of emulating drivers: right, and not chosen unless they are asked for.
constexpr ProductTile kTiles[] = {tile<128, 256, 256, 64>(16), tile<128, 128, 256, 64>(14),
                                  tile<64, 64, 128, 64>(8), tile<16, 32, 0, 32>(1e-3),
                                  tile<16, 16, 0, 32>(1e-3)};

// What else is asked for depends on the tile.
bool fits(const Caps& caps, const Product&) { return !caps.flexible_matrices.empty(); }

void launch(Lowering& lowering, const Product& p, const ProductTile& tile) {
    using namespace kernels::matmul_matrix2;
    const Caps& caps = lowering.caps();
    uint32_t sharers = sharers_of(tile);
    Constants constants;
    set_constants(constants, p);
    constants.local_x = sharers ? sharers : caps.subgroup_size;
    constants.rows = tile.rows, constants.columns = tile.columns, constants.depth = depth_of(tile);
    constants.plain = is_plain(p);
    constants.d_half = is_half(p.d);
    constants.bias = present(p.bias) ? 1 + is_half(p.bias) : 0;
    constants.one_image = is_of_one_image(p, tile);
    Launch launch = kernels::matmul_matrix2::launch(
        sharers ? Variant::workgroup : Variant::subgroup, product_bindings<Bindings>(p),
        product_args<Args>(p), constants, product_grid(p, tile));
    if (!sharers && caps.subgroup_size_control) launch.subgroup_size = caps.subgroup_size;
    lowering.launch(std::move(launch));
}

}   // namespace

const ProductFamily kProductMatrix2 = {.name = "matrix2",
                                       .fits = fits,
                                       .tiles = kTiles,
                                       .launch = launch,
                                       .skips = true,
                                       .normalises = true,
                                       .statistics = true,
                                       .gates = gates_where_it_fits,
                                       .matrices = true};

}   // namespace kiln
