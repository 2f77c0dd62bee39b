// THE table of attention kernels, best first where speeds are equal, and the choice among them.
#include "runtime/ops/attention_variants.h"

#include <algorithm>

#include "kernels/attention_merge.h"
#include "runtime/ops/cast.h"
#include "runtime/ops/product_variants.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

const AttentionFamily* const kFamilies[] = {&kAttentionCpu,     &kAttentionProducts,
                                            &kAttentionMatrix2, &kAttentionMatrix,
                                            &kAttentionShared,  &kAttentionRegisters};

// How many workgroups it takes to keep the device busy.
int64_t places(const Caps& caps) {
    if (caps.cores) return 2 * int64_t(caps.cores);
    return caps.kind == DeviceKind::discrete ? 64 : caps.kind == DeviceKind::cpu ? 2 : 16;
}

int64_t groups_of(const AttentionWork& w, const AttentionTile& tile) {
    return int64_t(div_up(w.queries, tile.rows)) * w.heads * w.images;
}

struct Choice {
    AttentionVariant variant;
    double time = 0;   // in the multiplications that one invocation does meanwhile
};

Choice cheapest(const Lowering& lowering, const AttentionWork& w) {
    const Caps& caps = lowering.caps();
    Choice best;
    for (const AttentionVariant& variant : attention_variants(caps, w)) {
        const AttentionTile& tile = *variant.tile;
        double speed = lowering.tuning().speed(variant.name(), tile.speed);
        if (speed <= 0) continue;
        int64_t least = variant.family->steps ? 1 : places(caps);
        double time = double(std::max(groups_of(w, tile), least)) * tile.rows *
                      double(div_up(w.keys, tile.keys)) * tile.keys * double(w.width) / speed;
        if (!best.variant.family || time < best.time) best = {variant, time};
    }
    return best;
}

// Parts of the keys, and how many each: more than one where there are too few tiles of queries for
// the device, or where a driver limits loops.
void set_parts(const Caps& caps, AttentionWork& w, const AttentionVariant& variant) {
    constexpr int64_t kLeast = 256;   // keys that are worth a part
    const AttentionTile& tile = *variant.tile;
    w.part_keys = w.keys;
    if (!variant.family->steps) return;
    int64_t wanted = std::min(places(caps) / groups_of(w, tile), w.keys / kLeast);
    if (caps.loop_iterations) {
        uint64_t steps = div_up(w.keys, tile.keys) * variant.family->steps(w, tile);
        wanted = std::max(wanted, int64_t(steps / (caps.loop_iterations - 1)) + 1);
    }
    if (wanted <= 1) return;
    w.part_keys = div_up(div_up(w.keys, wanted), tile.keys) * int64_t(tile.keys);
    w.parts = div_up(w.keys, w.part_keys);
}

// What is known of the launch made last.
void note(Lowering& lowering, const AttentionWork& w, const AttentionVariant& variant) {
    lowering.note(
        {{.flops = 4.0 * double(w.queries * w.keys) * double(w.images * w.heads * w.width)},
         variant.name(),
         std::to_string(w.queries) + "x" + std::to_string(w.keys) + ", " +
             std::to_string(w.images * w.heads) + " heads of " + std::to_string(w.width)});
}

void launch_in_parts(Lowering& lowering, AttentionWork w, const AttentionVariant& variant) {
    set_parts(lowering.caps(), w, variant);
    if (w.parts == 1) {
        variant.family->launch(lowering, w, *variant.tile);
        if (variant.family != &kAttentionProducts) note(lowering, w, variant);
        return;
    }
    uint64_t rows = uint64_t(w.images * w.queries * w.heads), fours = rows * uint64_t(w.width / 4);
    AttentionWork parts = w;
    parts.y = lowering.scratch(uint64_t(w.parts) * fours * 16);
    parts.sizes = lowering.scratch(uint64_t(w.parts) * rows * 4);
    variant.family->launch(lowering, parts, *variant.tile);
    note(lowering, w, variant);

    using namespace kernels::attention_merge;
    Spread s = spread(lowering.caps(), fours);
    lowering.launch(launch(Variant::main, {.x = parts.y, .sizes = parts.sizes, .y = w.y},
                           {.count = uint32_t(fours),
                            .chunk = s.chunk,
                            .width = uint32_t(w.width / 4),
                            .parts = uint32_t(w.parts)},
                           {.local_x = s.local,
                            .format = w.y.dtype == DType::f32   ? 0u
                                      : w.y.dtype == DType::f16 ? 1u
                                                                : 2u},
                           s.grid));
}

// The operands in f32; y too, in scratch.
AttentionWork widened(const AttentionWork& w) {
    AttentionWork wide = w;
    for (Operand* o : {&wide.q, &wide.k, &wide.v, &wide.y})
        *o = {.slot = o->slot, .size = 2 * o->size, .dtype = DType::f32};
    return wide;
}

void launch_through_f32(Lowering& lowering, const AttentionWork& w,
                        const AttentionVariant& variant) {
    AttentionWork wide = w;
    const Operand* narrow[] = {&w.q, &w.k, &w.v};
    Operand* operands[] = {&wide.q, &wide.k, &wide.v};
    for (int i = 0; i < 3; i++) {
        int same = 0;
        while (narrow[same]->slot != narrow[i]->slot) same++;
        if (same < i) {
            *operands[i] = *operands[same];
            continue;
        }
        *operands[i] = lowering.scratch(2 * narrow[i]->size);
        launch_cast(lowering, *narrow[i], *operands[i], narrow[i]->size / sizeof(uint16_t));
    }
    wide.y = lowering.scratch(2 * w.y.size);
    launch_in_parts(lowering, wide, variant);
    launch_cast(lowering, wide.y, w.y, w.y.size / sizeof(uint16_t));
}

// One image of the batch, for operands that exceed what a binding spans.
AttentionWork image_of(const Caps& caps, const AttentionWork& w, int64_t image) {
    AttentionWork one = w;
    one.images = 1;
    auto take = [&](Operand& o, int64_t rows, int64_t pitch) {
        uint64_t bytes = uint64_t(rows * pitch) * size_of(o.dtype);
        if (image * bytes % caps.offset_alignment || bytes > caps.binding_range)
            throw ModelError("[attention] an image exceeds the device's binding range");
        o = o.window(image * bytes, bytes);
    };
    take(one.q, w.queries, w.pitch_q);
    take(one.k, w.keys, w.pitch_k);
    take(one.v, w.keys, w.pitch_v);
    take(one.y, w.queries, w.heads * w.width);
    if (present(w.bias) && w.bias_image) take(one.bias, 1, w.bias_image);
    return one;
}

}   // namespace

std::string AttentionVariant::name() const {
    return "attention." + std::string(family->name) + " " + std::to_string(tile->rows) + "x" +
           std::to_string(tile->keys);
}

std::vector<AttentionVariant> attention_variants(const Caps& caps, const AttentionWork& work) {
    std::vector<AttentionVariant> variants;
    for (const AttentionFamily* family : kFamilies)
        for (const AttentionTile& tile : family->tiles)
            if (family->fits(caps, work, tile) && (!tile.fits || tile.fits(caps, work)))
                variants.push_back({family, &tile});
    return variants;
}

bool attends_halves(const AttentionWork& w) {
    for (int64_t extent : {w.width, w.pitch_q, w.pitch_k, w.pitch_v, w.base_q, w.base_k, w.base_v})
        if (extent % 8) return false;
    return is_half(w.q) && is_half(w.k) && is_half(w.v);
}

uint32_t least_waste(int64_t width, std::span<const uint32_t> counts) {
    uint32_t best = counts[0];
    for (uint32_t count : counts)
        if (div_up(width, count) * count <= div_up(width, best) * best) best = count;
    return best;
}

void launch_attention(Lowering& lowering, const AttentionWork& w) {
    constexpr double kValue = 24;   // multiplications in the time of converting one value
    const Caps& caps = lowering.caps();
    if (w.images > 1 && std::max({w.q.size, w.k.size, w.v.size, w.y.size}) > caps.binding_range) {
        for (int64_t image = 0; image < w.images; image++)
            launch_attention(lowering, image_of(caps, w, image));
        return;
    }
    Choice choice = cheapest(lowering, w);
    if (w.q.dtype == DType::bf16) {
        Choice wide = cheapest(lowering, widened(w));
        wide.time += kValue * double(w.q.size + w.k.size + w.v.size + w.y.size) / 2;
        if (wide.variant.family && (!choice.variant.family || wide.time < choice.time))
            return launch_through_f32(lowering, w, wide.variant);
    }
    if (!choice.variant.family)
        throw ModelError("[attention] no kernel variant is left for these heads");
    launch_in_parts(lowering, w, choice.variant);
}

}   // namespace kiln
