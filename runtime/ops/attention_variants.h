// The ways to compute attention: families of kernels, each with tiles, in one table. Within
// runtime/ops only.
#pragma once
#include <array>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/ops/product.h"

namespace kiln {

// softmax(q k^T scale + bias) v of `images` times `heads`. Everything counts elements. Rows of an
// operand are the heads side by side; those of q, k and v may be a part of longer ones. y is dense.
struct AttentionWork {
    Operand q, k, v, y;
    Operand bias;   // absent: without a slot
    int64_t images = 1, queries = 0, keys = 0, heads = 1;
    int64_t width = 0;                               // of a head; a multiple of four
    int64_t pitch_q = 0, pitch_k = 0, pitch_v = 0;   // between rows
    int64_t base_q = 0, base_k = 0, base_v = 0;      // where the first begins
    int64_t bias_image = 0, bias_head = 0;           // strides, 0 to broadcast
    bool causal = false;
    float scale = 1;

    // Parts of the keys leave [part][image][query][head][width] in f32 in y, and
    // [part][image][query][head] in sizes.
    int64_t parts = 1, part_keys = 0;
    Operand sizes;
};

// How one workgroup covers the scores of a head.
struct AttentionTile {
    uint32_t rows, keys;
    uint32_t each = 0;   // queries of an invocation, where the family's tiles differ in it
    std::array<uint32_t, 3> shape{};   // what else the family's kernel makes of it
    double speed = 1;                  // a guess, relative to the best of the device's families
    bool (*fits)(const Caps&, const AttentionWork&) = nullptr;   // beyond what the family asks for
};

struct AttentionFamily {
    std::string_view name;
    bool (*fits)(const Caps&, const AttentionWork&, const AttentionTile&);
    std::span<const AttentionTile> tiles;
    // One launch, whose operands are within the limits of the device.
    void (*launch)(Lowering&, const AttentionWork&, const AttentionTile&);
    // Back-edges that an invocation takes for a block of `tile.keys` keys, where the kernel takes
    // the keys in parts; none: it does not.
    uint64_t (*steps)(const AttentionWork&, const AttentionTile&) = nullptr;
};

extern const AttentionFamily kAttentionCpu, kAttentionProducts, kAttentionMatrix2, kAttentionMatrix,
    kAttentionShared, kAttentionRegisters;

struct AttentionVariant {
    const AttentionFamily* family = nullptr;
    const AttentionTile* tile = nullptr;

    std::string name() const;   // as Tuning knows it: "attention.shared 64x32"
};

// Those that the device and the operands allow, whatever the tuning says of them.
std::vector<AttentionVariant> attention_variants(const Caps& caps, const AttentionWork& work);

// In the variant whose padded work takes the least time; in parts of the keys where there are few
// queries. Throws ModelError when the tuning leaves no variant.
void launch_attention(Lowering& lowering, const AttentionWork& work);

// q, k and v are f16, and what is loaded of them eight at a time counts in eights.
bool attends_halves(const AttentionWork& work);

// Of `counts` invocations beside each other, those that leave the fewest without a column of a head
// `width` fours wide; the larger count where equal.
uint32_t least_waste(int64_t width, std::span<const uint32_t> counts);

// The sums that the compilers for a device keep in the registers of an invocation.
inline int64_t sums_of(const Caps& caps) {
    bool many = caps.kind == DeviceKind::cpu || caps.vendor_id == vendor::amd ||
                caps.vendor_id == vendor::nvidia;
    return many ? 64 : 32;
}

// The push constants that every family's kernel takes: Args of lib/attention.glsl.
template <class Args>
Args attention_args(const AttentionWork& w) {
    auto in_fours = [](int64_t n) {
        ensure(n % 4 == 0 && n / 4 <= int64_t(~0u), "rows of attention are in fours");
        return uint32_t(n / 4);
    };
    return {.queries = uint32_t(w.queries),
            .keys = uint32_t(w.keys),
            .heads = uint32_t(w.heads),
            .images = uint32_t(w.images),
            .pitch_q = in_fours(w.pitch_q),
            .pitch_k = in_fours(w.pitch_k),
            .pitch_v = in_fours(w.pitch_v),
            .base_q = in_fours(w.base_q),
            .base_k = in_fours(w.base_k),
            .base_v = in_fours(w.base_v),
            .bias_image = uint32_t(w.bias_image),
            .bias_head = uint32_t(w.bias_head),
            .part_keys = uint32_t(w.part_keys),
            .scale = w.scale};
}

// Bindings and constants 1 to 5 of the kernels that include lib/attention_storage.glsl.
template <class Bindings>
Bindings attention_bindings(const AttentionWork& w) {
    return {.q = w.q,
            .k = w.k,
            .v = w.v,
            .bias = present(w.bias) ? w.bias : w.q,
            .y = w.y,
            .sizes = present(w.sizes) ? w.sizes : w.y};
}
template <class Constants>
Constants attention_constants(const AttentionWork& w) {
    Constants c;
    c.format = w.q.dtype == DType::f32 ? 0 : w.q.dtype == DType::f16 ? 1 : 2;
    c.bias = !present(w.bias) ? 0 : w.bias.dtype == DType::f32 ? 1 : 2;
    c.causal = w.causal;
    c.parts = uint32_t(w.parts);
    c.width = uint32_t(w.width / 4);
    return c;
}

inline Grid attention_grid(const AttentionWork& w, const AttentionTile& tile) {
    return {div_up(w.queries, tile.rows), uint32_t(w.heads * w.images), uint32_t(w.parts)};
}

}   // namespace kiln
