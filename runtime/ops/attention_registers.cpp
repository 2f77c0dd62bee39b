// Attention on GPUs whose shared memory is no faster than their cache: neighbours in a subgroup
// share rows, no barrier.
#include <algorithm>

#include "kernels/attention_registers.h"
#include "runtime/ops/attention_variants.h"

namespace kiln {
namespace {

constexpr uint32_t kDown = 8;   // groups of neighbours in a workgroup

uint32_t subgroup(const Caps& caps) {
    return caps.vendor_id == vendor::intel ? caps.subgroup_min : caps.subgroup_size;
}

// Neighbours that share rows: as few as have registers for the sums of a head `width` fours wide,
// or one that leaves fewer without a column.
uint32_t across(const Caps& caps, int64_t width, uint32_t rows) {
    uint32_t counts[4], n = 0;
    for (uint32_t count : {4, 8, 16, 32})
        if (count <= subgroup(caps) && count * kDown <= caps.invocations &&
            4 * rows * div_up(width, count) <= sums_of(caps))
            counts[n++] = count;
    return n ? least_waste(width, {counts, std::min(n, 2u)}) : 0;
}

bool fits(const Caps& caps, const AttentionWork& w, const AttentionTile& tile) {
    // Intel's driver takes another subgroup size than it says unless it is asked for one.
    bool known = caps.vendor_id != vendor::intel || caps.subgroup_size_control;
    return caps.subgroup_shuffle && known && across(caps, w.width / 4, tile.each) > 0;
}

bool is_mobile(const Caps& caps, const AttentionWork&) {
    return caps.vendor_id == vendor::arm || caps.vendor_id == vendor::qualcomm ||
           caps.vendor_id == vendor::imagination || caps.vendor_id == vendor::broadcom ||
           caps.profile == "mobile";
}
bool is_other(const Caps& caps, const AttentionWork& w) { return !is_mobile(caps, w); }

constexpr AttentionTile tile(uint32_t rows, double speed,
                             bool (*fits)(const Caps&, const AttentionWork&)) {
    return {.rows = rows * kDown, .keys = 16, .each = rows, .speed = speed, .fits = fits};
}
constexpr AttentionTile kTiles[] = {tile(2, 1.8, is_mobile), tile(4, 1.7, is_mobile),
                                    tile(1, 1.4, is_mobile), tile(4, 0.6, is_other),
                                    tile(2, 0.5, is_other),  tile(1, 0.25, is_other)};

void launch(Lowering& lowering, const AttentionWork& w, const AttentionTile& tile) {
    using namespace kernels::attention_registers;
    const Caps& caps = lowering.caps();
    auto constants = attention_constants<Constants>(w);
    constants.across = across(caps, w.width / 4, tile.each);
    constants.local_x = constants.across * kDown;
    constants.rows = tile.each;
    constants.own = tile.each == 4 ? 2 : 4;
    constants.columns = div_up(w.width / 4, constants.across);
    Launch launch = kernels::attention_registers::launch(
        Variant::main, attention_bindings<Bindings>(w), attention_args<Args>(w), constants,
        attention_grid(w, tile));
    if (caps.vendor_id == vendor::intel) launch.subgroup_size = caps.subgroup_min;
    lowering.launch(std::move(launch));
}

// At most, for the sixteen keys that a tile counts.
uint64_t steps(const AttentionWork& w, const AttentionTile&) {
    return 2 * uint64_t(w.width / 4) + 32;
}

}   // namespace

const AttentionFamily kAttentionRegisters = {
    .name = "registers", .fits = fits, .tiles = kTiles, .launch = launch, .steps = steps};

}   // namespace kiln
