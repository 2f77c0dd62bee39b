// Attention on drivers that run on the CPU: a workgroup of one subgroup of eight lanes, operands
// through texel buffers.
#include <algorithm>

#include "kernels/attention_cpu.h"
#include "runtime/ops/attention_variants.h"
#include "runtime/ops/product_variants.h"

namespace kiln {
namespace {

bool fits(const Caps& caps, const AttentionWork& w, const AttentionTile&) {
    constexpr int64_t kWidest = 96;   // beyond, such drivers compile for many seconds
    if (caps.kind != DeviceKind::cpu || !caps.subgroup_ballot || caps.subgroup_size != 8)
        return false;
    if (w.q.dtype == DType::bf16 || w.width > kWidest) return false;
    return std::max({w.q.size, w.k.size, w.v.size}) / (4 * size_of(w.q.dtype)) <=
           caps.texel_elements;
}

// Mesa before 23 limits loops; it masks what later versions do not.
bool is_new(const Caps& caps, const AttentionWork&) { return !caps.loop_iterations; }
bool is_old(const Caps& caps, const AttentionWork& w) { return !is_new(caps, w); }

constexpr AttentionTile tile(uint32_t rows, double speed,
                             bool (*fits)(const Caps&, const AttentionWork&)) {
    return {.rows = 8 * rows, .keys = 8, .each = rows, .speed = speed, .fits = fits};
}
// On such a driver the other families but "products" take about a tenth of this speed.
constexpr AttentionTile kTiles[] = {tile(2, 10, is_new), tile(1, 9, is_new), tile(2, 4, is_old),
                                    tile(1, 2, is_old)};

void launch(Lowering& lowering, const AttentionWork& w, const AttentionTile& tile) {
    using namespace kernels::attention_cpu;
    Launch launch = kernels::attention_cpu::launch(
        Variant::main,
        {.q = w.q, .k = w.k, .v = w.v, .bias = present(w.bias) ? w.bias : w.q, .y = w.y},
        attention_args<Args>(w),
        {.rows = tile.each,
         .width = uint32_t(w.width / 4),
         .bias = present(w.bias) ? 1 + is_half(w.bias) : 0,
         .causal = w.causal,
         .half = is_half(w.y)},
        attention_grid(w, tile));
    if (lowering.caps().subgroup_size_control) launch.subgroup_size = 8;
    lowering.launch(std::move(launch));
}

}   // namespace

const AttentionFamily kAttentionCpu = {
    .name = "cpu", .fits = fits, .tiles = kTiles, .launch = launch};

}   // namespace kiln
