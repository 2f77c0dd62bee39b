#include <algorithm>
#include <cmath>

#include "kernels/attention.h"
#include "kernels/attention_softmax.h"
#include "runtime/ops/checks.h"
#include "runtime/ops/product.h"

namespace kiln {
namespace {

// Scores that the CPU path holds at a time: small enough to stay in a cache, large enough to
// spread.
constexpr int64_t kScoreBytes = 8 << 20;

struct Sizes {
    int64_t images, queries, keys, heads,
        width;   // width of a head, a multiple of four once padded
};

struct Operands {
    Operand q, k, v, y;
};

bool runs_as_products(const Caps& caps, const Operands& o) {
    if (caps.kind != DeviceKind::cpu || !caps.subgroup_ballot || !caps.subgroup_arithmetic ||
        caps.subgroup_size != 8)
        return false;
    uint64_t texel = 4 * size_of(o.q.dtype);
    return std::max({o.q.size, o.k.size, o.v.size}) / texel <= caps.texel_elements &&
           uint64_t(kScoreBytes) / 16 <= caps.texel_elements;
}

class AttentionOp : public Op {
public:
    explicit AttentionOp(const AttentionOptions& options) : options_(options) {}

    std::string_view name() const override { return "attention"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        const Tensor &q = node.inputs[0], &k = node.inputs[1];
        Sizes sizes{q[0], q[1], k[1], options_.heads, q[-1] / options_.heads};
        Operands operands{lowering.operand(q), lowering.operand(k),
                          lowering.operand(node.inputs[2]), lowering.operand(out)};
        if (sizes.width % 4 == 0) return lower_padded(lowering, node, operands, sizes);
        // Heads of an odd width: the same with every head widened by zeros.
        int64_t width = sizes.width, wide = fours(width);
        auto widened = [&](const Operand& o, int64_t rows) {
            return repacked(lowering, o, {sizes.images * rows * sizes.heads, 1, width, 1, wide});
        };
        Operands padded{widened(operands.q, sizes.queries),
                        widened(operands.k, sizes.keys),
                        widened(operands.v, sizes.keys),
                        {}};
        padded.y = lowering.scratch(padded.q.size, out.dtype());
        sizes.width = wide;
        lower_padded(lowering, node, padded, sizes);
        launch_repack(lowering, padded.y, operands.y,
                      {sizes.images * sizes.queries * sizes.heads, 1, wide, 1, width});
    }

    Tensor composition(const Node& node) const override {
        const Tensor &q = node.inputs[0], &bias = node.inputs[3];
        int64_t s = q[1], t = node.inputs[1][1];
        auto by_heads = [&](const Tensor& x) {   // [n, heads, rows, width]
            return permute(reshape(x, {x[0], x[1], options_.heads, x[-1] / options_.heads}),
                           {0, 2, 1, 3});
        };
        Tensor scores =
            matmul(by_heads(q), by_heads(node.inputs[1]), {.transpose_b = true}) * options_.scale;
        if (bias) scores = scores + cast(bias, scores.dtype());
        if (options_.causal) {
            std::vector<float> hidden(size_t(s * t));
            for (int64_t i = 0; i < s * t; i++) hidden[size_t(i)] = i % t > i / t ? -1e4f : 0;
            scores = scores + cast(constant({s, t}, hidden), scores.dtype());
        }
        Tensor y = matmul(softmax(scores), by_heads(node.inputs[2]));
        return reshape(permute(y, {0, 2, 1, 3}), q.shape());
    }

private:
    void lower_padded(Lowering& lowering, const Node& node, const Operands& operands,
                      const Sizes& sizes) const {
        if (runs_as_products(lowering.caps(), operands))
            lower_products(lowering, node, operands, sizes);
        else
            lower_fused(lowering, node, operands, sizes);
    }

    void lower_fused(Lowering& lowering, const Node& node, const Operands& o,
                     const Sizes& z) const {
        using namespace kernels::attention;
        const Tensor& bias = node.inputs[3];
        uint32_t chunks = div_up(z.width, 32), rows = chunks <= 8 ? 2 : 1;
        lowering.launch(launch(
            Variant::main,
            {.q = o.q, .k = o.k, .v = o.v, .bias = bias ? lowering.operand(bias) : o.q, .y = o.y},
            {.queries = uint32_t(z.queries),
             .keys = uint32_t(z.keys),
             .heads = uint32_t(z.heads),
             .width = uint32_t(z.width / 4),
             .bias_image = uint32_t(bias_stride(bias, 0)),
             .bias_head = uint32_t(bias_stride(bias, 1)),
             .bias_kind = bias_kind(bias),
             .causal = options_.causal,
             .scale = options_.scale},
            {.rows = rows, .chunks = chunks, .half = o.q.dtype == DType::f16},
            {div_up(z.queries, 16 * rows), uint32_t(z.heads * z.images), 1}));
        lowering.note(
            {{.flops = 4.0 * double(z.queries * z.keys) * double(z.images * z.heads * z.width)},
             "attention",
             std::to_string(z.queries) + "x" + std::to_string(z.keys) + ", " +
                 std::to_string(z.images * z.heads) + " heads of " + std::to_string(z.width)});
    }

    // Scores, their softmax and the weighted values as launches of their own, over as many heads
    // or, within one head, as many queries as kScoreBytes hold.
    void lower_products(Lowering& lowering, const Node& node, const Operands& o,
                        const Sizes& z) const {
        int64_t pitch = fours(z.keys), head_bytes = z.queries * pitch * 4;
        int64_t heads = std::clamp<int64_t>(kScoreBytes / head_bytes, 1, z.heads);
        int64_t rows =
            std::min(z.queries, std::max<int64_t>(64, kScoreBytes / (pitch * 4) / 64 * 64));
        Operand scores = lowering.scratch(uint64_t(heads * rows * pitch * 4));
        for (int64_t image = 0; image < z.images; image++)
            for (int64_t head = 0; head < z.heads; head += heads)
                for (int64_t row = 0; row < z.queries; row += rows) {
                    Part part{image, head, std::min(heads, z.heads - head), row,
                              std::min(rows, z.queries - row)};
                    lower_part(lowering, node, o, z, part, scores);
                }
    }

    struct Part {
        int64_t image, head, heads, row, rows;
    };

    void lower_part(Lowering& lowering, const Node& node, const Operands& o, const Sizes& z,
                    const Part& part, const Operand& scores) const {
        int64_t pitch = fours(z.keys), line = z.heads * z.width;
        auto start = [&](int64_t row) { return row * line + part.head * z.width; };
        int64_t at_queries = start(part.image * z.queries + part.row),
                at_keys = start(part.image * z.keys);
        Product score{.a = o.q,
                      .b = o.k,
                      .d = scores,
                      .map = line_of(part.rows),
                      .columns = pitch,
                      .channels = z.width,
                      .pitch_a = line,
                      .pitch_b = line,
                      .pitch_d = pitch,
                      .base_a = at_queries,
                      .base_b = at_keys,
                      .inner = part.heads,
                      .inner_a = z.width,
                      .inner_b = z.width,
                      .inner_d = part.rows * pitch,
                      .alpha = options_.scale,
                      .transposed = true};
        launch_product(lowering, score, name());

        using namespace kernels::attention_softmax;
        const Tensor& bias = node.inputs[3];
        lowering.launch(launch(
            Variant::main,
            {.scores = scores, .bias = bias ? lowering.operand(bias) : scores, .weights = scores},
            {.rows = uint32_t(part.rows),
             .keys = uint32_t(z.keys),
             .pitch = uint32_t(pitch / 4),
             .first_query = uint32_t(part.row),
             .first_head = uint32_t(part.head),
             .bias_kind = bias_kind(bias),
             .bias_image = uint32_t(part.image * bias_stride(bias, 0)),
             .bias_head = uint32_t(bias_stride(bias, 1)),
             .causal = options_.causal},
            {uint32_t(part.rows), uint32_t(part.heads), 1}));

        Product values{.a = scores,
                       .b = o.v,
                       .d = o.y,
                       .map = line_of(part.rows),
                       .columns = z.width,
                       .channels = pitch,
                       .pitch_a = pitch,
                       .pitch_b = line,
                       .pitch_d = line,
                       .base_b = at_keys,
                       .base_d = at_queries,
                       .inner = part.heads,
                       .inner_a = part.rows * pitch,
                       .inner_b = z.width,
                       .inner_d = z.width};
        launch_product(lowering, values, name());
    }

    // Elements between images (axis 0) or heads (axis 1) of the bias [1 or n, 1 or heads, s, t].
    static int64_t bias_stride(const Tensor& bias, int axis) {
        if (!bias || bias[axis] == 1) return 0;
        return axis == 0 ? bias[1] * bias[2] * bias[3] : bias[2] * bias[3];
    }
    static uint32_t bias_kind(const Tensor& bias) {
        return !bias ? 0 : bias.dtype() == DType::f16 ? 2 : 1;
    }

    AttentionOptions options_;
};

}   // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                 const Tensor& bias) {
    if (q.rank() != 3 || k.rank() != 3 || v.shape() != k.shape() || k[0] != q[0] || k[2] != q[2])
        model_error("attention", "q is [n, s, c], k and v are [n, t, c]", {q, k, v});
    if (options.heads < 1 || q[2] % options.heads)
        model_error("attention", "the heads do not divide the width", {q});
    if (q[2] / options.heads > 512) model_error("attention", "a head is at most 512 wide", {q});
    for (const Tensor& t : {q, k, v}) require_float("attention", t);
    if (bias) {
        require_float("attention", bias);
        bool fits = bias.rank() == 4 && (bias[0] == 1 || bias[0] == q[0]) &&
                    (bias[1] == 1 || bias[1] == options.heads) && bias[2] == q[1] &&
                    bias[3] == k[1];
        if (!fits) model_error("attention", "the bias is [1 or n, 1 or heads, s, t]", {q, k, bias});
    }
    int64_t width = q[2] / options.heads;
    if (bias && bias.dtype() == DType::bf16)
        return attention(q, k, v, options, cast(bias, DType::f32));
    if (q.dtype() == DType::bf16 || (q.dtype() == DType::f16 && width % 4))
        return in_f32(q, [&](const Tensor& x) { return attention(x, k, v, options, bias); });
    AttentionOptions scaled = options;
    if (scaled.scale == 0) scaled.scale = 1 / std::sqrt(float(width));
    return compute(std::make_shared<AttentionOp>(scaled),
                   {q, cast(k, q.dtype()), cast(v, q.dtype()), bias}, q.shape(), q.dtype());
}

}   // namespace kiln
