// Attention of f16 tensors on the matrix units of subgroups (VK_KHR_cooperative_matrix).
#include <algorithm>

#include "kernels/attention_matrix.h"
#include "runtime/ops/attention_variants.h"
#include "runtime/ops/product_matrix.h"

namespace kiln {
namespace {

// What a tile makes of its workgroup: the queries of a subgroup, and how many subgroups share them.
struct Share {
    uint32_t rows, across, subgroup;
};

Share share_of(const AttentionTile& tile) { return {tile.shape[0], tile.shape[1], tile.shape[2]}; }

uint32_t threads_of(const AttentionTile& tile) {
    Share share = share_of(tile);
    return tile.rows / share.rows * share.across * share.subgroup;
}

// The first of the device's shapes that a share consists of; null: none.
const MatrixShape* shape_for(const Caps& caps, const AttentionTile& tile) {
    Share share = share_of(tile);
    auto found = std::find_if(caps.matrices.begin(), caps.matrices.end(), [&](const auto& s) {
        return sums_halves(s) && share.rows % s.m == 0 && tile.keys / share.across % s.n == 0 &&
               tile.keys % s.k == 0;
    });
    return found == caps.matrices.end() ? nullptr : &*found;
}

// Of a head in the tiles, with zeros.
uint32_t padded(int64_t width, const MatrixShape& shape) {
    uint32_t step = std::max(shape.n, shape.k);
    return div_up(width, step) * step;
}

bool turns_values(const Caps& caps, const AttentionTile& tile) {
    return turns_b(caps, tile.rows == 32);
}

uint32_t shared_bytes(const Caps& caps, int64_t width, const AttentionTile& tile,
                      const MatrixShape& shape) {
    uint32_t wide = padded(width, shape), pitch = wide / 8 | 1;
    uint32_t values = turns_values(caps, tile) ? wide * (tile.keys / 8 + 1) : tile.keys * pitch;
    uint32_t out = threads_of(tile) / share_of(tile).subgroup * shape.m * shape.n / 4;
    return 16 * ((tile.rows + tile.keys) * pitch + values +
                 std::max(tile.rows * (tile.keys / 4 + 1), out)) +
           4 * tile.rows;
}

// Sums and scores that an invocation keeps, in f32: half of its registers. Intel's have 128.
bool fits_registers(const Caps& caps, int64_t width, const AttentionTile& tile,
                    const MatrixShape& shape) {
    Share share = share_of(tile);
    uint32_t columns = div_up(padded(width, shape) / shape.n, share.across) * shape.n;
    uint32_t kept = share.rows * (columns + tile.keys / share.across) / share.subgroup;
    return kept <= (caps.vendor_id == vendor::intel ? 80 : 128);
}

bool fits(const Caps& caps, const AttentionWork& w, const AttentionTile& tile) {
    if (!attends_halves(w)) return false;
    const MatrixShape* shape = shape_for(caps, tile);
    return shape && knows_subgroup(caps) && caps.subgroup_shuffle &&
           share_of(tile).subgroup == matrix_subgroup(caps) &&
           threads_of(tile) <= caps.invocations && threads_of(tile) <= caps.workgroup_size[0] &&
           shared_bytes(caps, w.width, tile, *shape) <= caps.shared_memory &&
           fits_registers(caps, w.width, tile, *shape);
}

bool in_hardware(const Caps& caps, const AttentionWork&) { return matrix_hardware(caps); }
bool emulated(const Caps& caps, const AttentionWork&) { return !matrix_hardware(caps); }

constexpr AttentionTile tile(uint32_t rows, Share share, double speed) {
    return {.rows = rows,
            .keys = 32,
            .shape = {share.rows, share.across, share.subgroup},
            .speed = speed,
            .fits = speed >= 1 ? in_hardware : emulated};
}

// By subgroup: 8 is Intel's DG2, 16 its Xe2, 32 NVIDIA and others, 64 AMD from RDNA3. The last are
// for tests, where the units are emulated and plain arithmetic is faster.
constexpr AttentionTile kTiles[] = {
    tile(64, {16, 4, 8}, 4),    tile(32, {16, 4, 8}, 3),   tile(64, {16, 2, 16}, 5),
    tile(32, {16, 2, 16}, 4),   tile(128, {32, 1, 32}, 6), tile(64, {16, 1, 32}, 5),
    tile(32, {16, 2, 32}, 3.5), tile(128, {32, 1, 64}, 6), tile(64, {16, 1, 64}, 5),
    tile(32, {16, 2, 64}, 3.5), tile(32, {8, 1, 8}, 4e-3), tile(16, {16, 4, 8}, 3e-3),
};

void launch(Lowering& lowering, const AttentionWork& w, const AttentionTile& tile) {
    using namespace kernels::attention_matrix;
    const Caps& caps = lowering.caps();
    const Share share = share_of(tile);
    const MatrixShape* shape = shape_for(caps, tile);
    ensure(shape, "the tile fits the device");
    auto constants = attention_constants<Constants>(w);
    constants.local_x = threads_of(tile);
    constants.subgroup = share.subgroup;
    constants.rows = tile.rows, constants.keys = tile.keys;
    constants.share_rows = share.rows, constants.across = share.across;
    constants.m = shape->m, constants.n = shape->n, constants.depth = shape->k;
    constants.turned = turns_values(caps, tile);
    Launch launch = kernels::attention_matrix::launch(
        Variant::main, attention_bindings<Bindings>(w), attention_args<Args>(w), constants,
        attention_grid(w, tile));
    if (caps.subgroup_size_control) launch.subgroup_size = share.subgroup;
    lowering.launch(std::move(launch));
}

// One for the block, and of short loops that a compiler may leave.
uint64_t steps(const AttentionWork& w, const AttentionTile& tile) {
    return 8 + uint64_t(w.width) / 8 * tile.keys / threads_of(tile);
}

}   // namespace

const AttentionFamily kAttentionMatrix = {
    .name = "matrix", .fits = fits, .tiles = kTiles, .launch = launch, .steps = steps};

}   // namespace kiln
