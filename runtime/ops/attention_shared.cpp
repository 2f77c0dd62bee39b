// Attention on any device: keys and values pass through shared memory.
#include <algorithm>

#include "kernels/attention.h"
#include "runtime/ops/attention_variants.h"

namespace kiln {
namespace {

constexpr uint32_t kThreads = 128, kKeys = 32;

// How the kernel covers a head of some width, in fours: see shaders/ops/attention.comp.
struct Plan {
    uint32_t across, rows, chunk, columns, at_once;

    Plan(const AttentionTile& tile, int64_t width) {
        constexpr uint32_t few[] = {4, 8}, many[] = {8, 16};
        const bool tall = tile.rows > kThreads / 8;
        across = least_waste(width, tall ? std::span(few) : std::span(many));
        rows = tile.rows * across / kThreads;
        chunk = div_up(width, div_up(width, 9));
        columns = div_up(width, across);
        at_once = std::min(columns, std::max(1u, 12 / across));
    }
    uint32_t shared_bytes() const {
        const uint32_t queries = rows * kThreads / across, pitch = chunk | 1;
        const uint32_t fours = queries * pitch + kKeys * std::max(pitch, at_once * across);
        return 16 * fours + 4 * queries * (kKeys + 4 + across);
    }
};

bool fits(const Caps& caps, const AttentionWork& w, const AttentionTile& tile) {
    const Plan plan(tile, w.width / 4);
    return plan.rows > 0 && plan.shared_bytes() <= caps.shared_memory &&
           4 * plan.rows * plan.columns <= sums_of(caps);
}

constexpr AttentionTile kTiles[] = {{.rows = 64, .keys = kKeys, .speed = 1.0},
                                    {.rows = 32, .keys = kKeys, .speed = 0.8},
                                    {.rows = 16, .keys = kKeys, .speed = 0.5},
                                    {.rows = 8, .keys = kKeys, .speed = 0.3}};

void launch(Lowering& lowering, const AttentionWork& w, const AttentionTile& tile) {
    using namespace kernels::attention;
    const Caps& caps = lowering.caps();
    const Plan plan(tile, w.width / 4);
    auto constants = attention_constants<Constants>(w);
    constants.local_x = kThreads;
    constants.rows = plan.rows;
    constants.across = plan.across;
    constants.chunk = plan.chunk;
    constants.columns = plan.columns;
    constants.at_once = plan.at_once;
    Launch launch =
        kernels::attention::launch(Variant::main, attention_bindings<Bindings>(w),
                                   attention_args<Args>(w), constants, attention_grid(w, tile));
    // Intel's driver prefers wide subgroups, and spills with them.
    if (caps.vendor_id == vendor::intel && caps.subgroup_size_control)
        launch.subgroup_size = caps.subgroup_min;
    lowering.launch(std::move(launch));
}

uint64_t steps(const AttentionWork& w, const AttentionTile& tile) {
    const Plan plan(tile, w.width / 4);
    const uint32_t queries = plan.rows * kThreads / plan.across;
    uint64_t chunk = div_up(queries * plan.chunk, kThreads) + div_up(kKeys * plan.chunk, kThreads) +
                     plan.chunk + 3;
    uint64_t values = div_up(kKeys * plan.at_once * plan.across, kThreads) + kKeys / 4 + 2;
    return chunk * div_up(w.width / 4, plan.chunk) + values * div_up(plan.columns, plan.at_once) +
           1;
}

}   // namespace

const AttentionFamily kAttentionShared = {
    .name = "shared", .fits = fits, .tiles = kTiles, .launch = launch, .steps = steps};

}   // namespace kiln
