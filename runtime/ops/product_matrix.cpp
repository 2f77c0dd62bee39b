// Products of f16 tensors on the matrix units of subgroups (VK_KHR_cooperative_matrix).
#include "runtime/ops/product_matrix.h"

#include <algorithm>

#include "kernels/matmul_matrix.h"

namespace kiln {
namespace {

// What a tile makes of its workgroup: the share of each subgroup, and how deep it is along K.
struct Share {
    uint32_t rows, columns, depth, subgroup;
};

Share share_of(const ProductTile& tile) {
    return {tile.shape[0], tile.shape[1], tile.shape[2], tile.shape[3]};
}

// The first of the device's shapes that a share consists of; null: none.
const MatrixShape* shape_for(const Caps& caps, const Share& share) {
    auto found = std::find_if(caps.matrices.begin(), caps.matrices.end(), [&](const auto& s) {
        return sums_halves(s) && share.rows % s.m == 0 && share.columns % s.n == 0 &&
               share.depth % s.k == 0;
    });
    return found == caps.matrices.end() ? nullptr : &*found;
}

uint32_t threads_of(const ProductTile& tile) {
    Share share = share_of(tile);
    return tile.rows / share.rows * (tile.columns / share.columns) * share.subgroup;
}

uint32_t shared_bytes(const ProductTile& tile, const MatrixShape& shape, bool gated) {
    Share share = share_of(tile);
    uint32_t by_row = share.depth * (tile.columns + 8),
             by_column = tile.columns * (share.depth + 8);
    uint32_t tiles = 2 * (tile.rows * (share.depth + 8) + std::max(by_row, by_column));
    uint32_t out = (gated ? 8 : 4) * threads_of(tile) / share.subgroup * shape.m * shape.n;
    return std::max(tiles, out + tile.rows / share.rows * tile.columns * 8);
}

bool fits_tile(const Caps& caps, const Product& p, const ProductTile& tile) {
    const MatrixShape* shape = shape_for(caps, share_of(tile));
    if (shape && p.gated && share_of(tile).columns % (2 * shape->n)) return false;
    return shape && knows_subgroup(caps) && tile.shape[3] == matrix_subgroup(caps) &&
           threads_of(tile) <= caps.invocations && threads_of(tile) <= caps.workgroup_size[0] &&
           shared_bytes(tile, *shape, p.gated) <= caps.shared_memory;
}

// Where the units are emulated, the portable tiles are faster; there these are for tests.
constexpr double kEmulated = 1e-3;
constexpr uint32_t kDepth = 32;   // of tiles along K

template <uint32_t rows, uint32_t columns, uint32_t share_rows, uint32_t share_columns,
          uint32_t subgroup, bool hardware>
bool fits_tile(const Caps& caps, const Product& p) {
    constexpr ProductTile tile{
        .rows = rows, .columns = columns, .shape = {share_rows, share_columns, kDepth, subgroup}};
    return matrix_hardware(caps) == hardware && fits_tile(caps, p, tile);
}

template <uint32_t rows, uint32_t columns, uint32_t share_rows, uint32_t share_columns,
          uint32_t subgroup, bool hardware = true>
constexpr ProductTile tile(double speed) {
    return {.rows = rows,
            .columns = columns,
            .shape = {share_rows, share_columns, kDepth, subgroup},
            .speed = hardware ? speed : kEmulated * speed,
            .fits = fits_tile<rows, columns, share_rows, share_columns, subgroup, hardware>};
}

// By subgroup: 8 is Intel's DG2, 16 its Xe2, 32 NVIDIA and others, 64 AMD from RDNA3.
constexpr ProductTile kTiles[] = {
    tile<64, 128, 16, 16, 8>(4),        tile<32, 64, 16, 16, 8>(3),
    tile<128, 128, 16, 32, 16>(8),      tile<64, 64, 16, 32, 16>(6),
    tile<32, 64, 16, 32, 16>(4),        tile<256, 128, 64, 64, 32>(13),
    tile<128, 128, 64, 64, 32>(12),     tile<128, 64, 64, 32, 32>(9),
    tile<64, 64, 32, 32, 32>(7),        tile<32, 64, 16, 32, 32>(4),
    tile<128, 128, 32, 128, 64>(8),     tile<128, 64, 64, 32, 64>(6.5),
    tile<64, 64, 32, 32, 64>(5),        tile<32, 64, 16, 32, 64>(3),
    tile<64, 128, 16, 16, 8, false>(4), tile<32, 64, 16, 16, 8, false>(3),
};

bool fits(const Caps& caps, const Product& p) {
    return multiplies_halves(caps, p, kDepth) && caps.subgroup_shuffle;
}

// B becomes f16 on its way into shared memory. Blocks do not begin within a part or a tap.
bool fits_quantised(const Caps& caps, const Product& p) {
    Product plain = p;
    plain.b.dtype = DType::f16;
    return fits(caps, plain) && p.outer * p.inner == 1 && p.map.tap_count() == 1 && !p.transposed &&
           p.pitch_b == p.computed_columns() && p.base_b == 0;
}

void launch(Lowering& lowering, const Product& p, const ProductTile& tile) {
    using namespace kernels::matmul_matrix;
    Share share = share_of(tile);
    const MatrixShape* shape = shape_for(lowering.caps(), share);
    ensure(shape, "the tile fits the device");
    auto constants = storage_constants<Constants>(p);
    constants.local_x = threads_of(tile);
    constants.subgroup = share.subgroup;
    constants.rows = tile.rows, constants.columns = tile.columns, constants.depth = share.depth;
    constants.share_rows = share.rows, constants.share_columns = share.columns;
    constants.m = shape->m, constants.n = shape->n, constants.k = shape->k;
    constants.turned = !p.transposed && turns_b(lowering.caps(), tile.rows == 64);
    constants.plain = is_plain(p);
    constants.one_image = is_of_one_image(p, tile);
    Launch launch = kernels::matmul_matrix::launch(
        is_quantised(p.b.dtype) ? Variant::quantised : Variant::main, product_bindings<Bindings>(p),
        product_args<Args>(p), constants, product_grid(p, tile));
    if (lowering.caps().subgroup_size_control) launch.subgroup_size = share.subgroup;
    lowering.launch(std::move(launch));
}

}   // namespace

bool is_plain(const Product& p) {
    const PixelMap& map = p.map;
    return map.tap_count() == 1 && map.in == map.out && map.stride == std::array{1, 1, 1} &&
           map.up == std::array{1, 1, 1} && map.pad == std::array<int64_t, 3>{0, 0, 0};
}

// Intel's smallest, AMD's 64.
uint32_t matrix_subgroup(const Caps& caps) {
    if (caps.vendor_id == vendor::intel) return caps.subgroup_min;
    return caps.vendor_id == vendor::amd ? std::min(caps.subgroup_max, 64u) : caps.subgroup_size;
}

bool knows_subgroup(const Caps& caps) {
    return caps.subgroup_size_control || caps.subgroup_min == caps.subgroup_max;
}

bool turns_b(const Caps& caps, bool on_cpu) {
    if (caps.kind == DeviceKind::cpu) return on_cpu;
    return caps.vendor_id == vendor::amd || caps.vendor_id == vendor::intel;
}

bool is_of_one_image(const Product& p, const ProductTile& tile) {
    return p.map.images == 1 || p.map.pixels() % tile.rows == 0;
}

bool sums_halves(const MatrixShape& s) {
    return s.a == MatrixEntry::f16 && s.b == MatrixEntry::f16 && s.c == MatrixEntry::f32 &&
           s.d == MatrixEntry::f32 && !s.saturating;
}

bool multiplies_halves(const Caps& caps, const Product& p, uint32_t depth) {
    return !caps.matrices.empty() && is_half(p.a) && is_half(p.b) && is_wide(p) &&
           stores_as_residual(p) && !(p.gated && p.transposed) &&
           (p.skip_b == 0 || p.channels % depth == 0);
}

const ProductFamily kProductMatrix = {.name = "matrix",
                                      .fits = fits,
                                      .tiles = kTiles,
                                      .launch = launch,
                                      .skips = true,
                                      .normalises = true,
                                      .statistics = true,
                                      .gates = gates_where_it_fits,
                                      .matrices = true};

const ProductFamily kProductMatrixQuantised = {.name = "matrix_quantised",
                                               .fits = fits_quantised,
                                               .tiles = kTiles,
                                               .launch = launch,
                                               .quantised = true,
                                               .statistics = true,
                                               .gates = gates_where_it_fits,
                                               .matrices = true};

}   // namespace kiln
