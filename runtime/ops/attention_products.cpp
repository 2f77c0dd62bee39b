// Attention on drivers that run on the CPU, for wide heads, whose sums an invocation cannot hold:
// scores, their softmax and the weighted values as launches of their own, over as many heads or,
// within one head, as many queries as a cache holds.
#include <algorithm>

#include "kernels/attention_softmax.h"
#include "runtime/ops/attention_variants.h"
#include "runtime/ops/product_variants.h"

namespace kiln {
namespace {

// Scores held at a time: small enough to stay in a cache, large enough to spread.
constexpr int64_t kScoreBytes = 8 << 20;

bool fits(const Caps& caps, const AttentionWork& w, const AttentionTile&) {
    if (caps.kind != DeviceKind::cpu || !caps.subgroup_ballot || !caps.subgroup_arithmetic ||
        caps.subgroup_size != 8)
        return false;
    uint64_t texel = 4 * size_of(w.q.dtype);
    return w.q.dtype != DType::bf16 &&
           std::max({w.q.size, w.k.size, w.v.size}) / texel <= caps.texel_elements &&
           uint64_t(kScoreBytes) / 16 <= caps.texel_elements;
}

constexpr AttentionTile kTiles[] = {{.rows = 16, .keys = 4, .speed = 5.5}};

struct Part {
    int64_t image, head, heads, row, rows;
};

void launch_part(Lowering& lowering, const AttentionWork& w, const Part& part,
                 const Operand& scores) {
    int64_t pitch = fours(w.keys), line = w.heads * w.width, column = part.head * w.width,
            query = part.image * w.queries + part.row, key = part.image * w.keys;
    Product score{.a = w.q,
                  .b = w.k,
                  .d = scores,
                  .map = line_of(part.rows),
                  .columns = pitch,
                  .channels = w.width,
                  .pitch_a = w.pitch_q,
                  .pitch_b = w.pitch_k,
                  .pitch_d = pitch,
                  .base_a = w.base_q + query * w.pitch_q + column,
                  .base_b = w.base_k + key * w.pitch_k + column,
                  .inner = part.heads,
                  .inner_a = w.width,
                  .inner_b = w.width,
                  .inner_d = part.rows * pitch,
                  .alpha = w.scale,
                  .transposed = true};
    launch_product(lowering, score, "attention");

    using namespace kernels::attention_softmax;
    lowering.launch(
        launch(Variant::main,
               {.scores = scores, .bias = present(w.bias) ? w.bias : scores, .weights = scores},
               {.rows = uint32_t(part.rows),
                .keys = uint32_t(w.keys),
                .pitch = uint32_t(pitch / 4),
                .first_query = uint32_t(part.row),
                .first_head = uint32_t(part.head),
                .bias_kind = present(w.bias) ? 1 + is_half(w.bias) : 0,
                .bias_image = uint32_t(part.image * w.bias_image),
                .bias_head = uint32_t(w.bias_head),
                .causal = w.causal},
               {uint32_t(part.rows), uint32_t(part.heads), 1}));

    Product values{.a = scores,
                   .b = w.v,
                   .d = w.y,
                   .map = line_of(part.rows),
                   .columns = w.width,
                   .channels = pitch,
                   .pitch_a = pitch,
                   .pitch_b = w.pitch_v,
                   .pitch_d = line,
                   .base_b = w.base_v + key * w.pitch_v + column,
                   .base_d = query * line + column,
                   .inner = part.heads,
                   .inner_a = part.rows * pitch,
                   .inner_b = w.width,
                   .inner_d = w.width};
    launch_product(lowering, values, "attention");
}

void launch_parts(Lowering& lowering, const AttentionWork& w, const AttentionTile&) {
    int64_t pitch = fours(w.keys), head_bytes = w.queries * pitch * 4;
    int64_t heads = std::clamp<int64_t>(kScoreBytes / head_bytes, 1, w.heads);
    int64_t rows = std::min(w.queries, std::max<int64_t>(64, kScoreBytes / (pitch * 4) / 64 * 64));
    Operand scores = lowering.scratch(uint64_t(heads * rows * pitch * 4));
    for (int64_t image = 0; image < w.images; image++)
        for (int64_t head = 0; head < w.heads; head += heads)
            for (int64_t row = 0; row < w.queries; row += rows)
                launch_part(lowering, w,
                            {image, head, std::min(heads, w.heads - head), row,
                             std::min(rows, w.queries - row)},
                            scores);
}

}   // namespace

const AttentionFamily kAttentionProducts = {
    .name = "products", .fits = fits, .tiles = kTiles, .launch = launch_parts};

}   // namespace kiln
