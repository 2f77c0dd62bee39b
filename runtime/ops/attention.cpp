#include <cmath>

#include "runtime/ops/attention_columns.h"
#include "runtime/ops/attention_gradient.h"
#include "runtime/ops/attention_variants.h"
#include "runtime/ops/checks.h"

namespace kiln {
namespace {

class AttentionOp : public Op {
public:
    // Heads `width` wide, side by side in the columns of q, k and v from `begins` on.
    AttentionOp(const AttentionOptions& options, int64_t width, std::array<int64_t, 3> begins = {})
        : options_(options), width_(width), begins_(begins) {}

    std::string_view name() const override { return "attention"; }

    std::shared_ptr<const Node> over_columns(const Node& node, const Tensor& part,
                                             const Tensor& whole, int64_t begin) const {
        if (width_ % 4 || begin % 4 || whole[-1] % 4) return nullptr;
        std::array<int64_t, 3> begins = begins_;
        std::vector<Tensor> inputs = node.inputs;
        for (size_t i = 0; i < begins.size(); i++) {
            if (inputs[i].id() != part.id()) continue;
            inputs[i] = whole;
            begins[i] += begin;
        }
        return std::make_shared<Node>(
            Node{std::make_shared<AttentionOp>(options_, width_, begins), std::move(inputs)});
    }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        const Tensor &q = node.inputs[0], &k = node.inputs[1], &v = node.inputs[2],
                     &bias = node.inputs[3];
        AttentionWork work{.q = lowering.operand(q),
                           .k = lowering.operand(k),
                           .v = lowering.operand(v),
                           .y = lowering.operand(out),
                           .images = q[0],
                           .queries = q[1],
                           .keys = k[1],
                           .heads = options_.heads,
                           .width = width_,
                           .pitch_q = q[2],
                           .pitch_k = k[2],
                           .pitch_v = v[2],
                           .base_q = begins_[0],
                           .base_k = begins_[1],
                           .base_v = begins_[2],
                           .bias_image = stride_of(bias, 0),
                           .bias_head = stride_of(bias, 1),
                           .causal = options_.causal,
                           .scale = options_.scale};
        if (bias) work.bias = lowering.operand(bias);
        if (work.width % 4 == 0) return launch_attention(lowering, work);
        launch_widened(lowering, work);
    }

    Tensor composition(const Node& node) const override {
        Tensor q = operand(node, 0), k = operand(node, 1), v = operand(node, 2);
        const Tensor& bias = node.inputs[3];
        int64_t s = q[2], t = k[2];
        Tensor scores = matmul(q, k, {.transpose_b = true}) * options_.scale;
        if (bias) scores = scores + cast(bias, scores.dtype());
        if (options_.causal) {
            std::vector<float> hidden(size_t(s * t));
            for (int64_t i = 0; i < s * t; i++) hidden[size_t(i)] = i % t > i / t ? -1e4f : 0;
            scores = scores + cast(constant({s, t}, hidden), scores.dtype());
        }
        return joined(matmul(softmax(scores), v));
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor& y, const Tensor& d) const override {
        if (node.inputs[3] || options_.causal) return {};
        const auto [q, k, v] =
            attention_gradient({operand(node, 0), operand(node, 1), operand(node, 2)}, by_heads(y),
                               by_heads(d), options_.scale);
        std::vector<Tensor> grads;
        for (const Tensor& grad : {q, k, v}) {
            const Tensor& whole = node.inputs[grads.size()];
            const Tensor columns = joined(grad);
            const int64_t begin = begins_[grads.size()];
            grads.push_back(
                pad(columns, {{0, 0}, {0, 0}, {int(begin), int(whole[2] - begin - columns[2])}}));
        }
        grads.push_back({});
        return grads;
    }

private:
    Tensor by_heads(const Tensor& x) const {   // -> [n, heads, rows, width]
        return permute(reshape(x, {x[0], x[1], options_.heads, width_}), {0, 2, 1, 3});
    }
    static Tensor joined(const Tensor& x) {   // -> [n, rows, heads * width]
        return reshape(permute(x, {0, 2, 1, 3}), {x[0], x[2], x[1] * x[3]});
    }
    Tensor operand(const Node& node, size_t i) const {
        const int64_t count = options_.heads * width_;
        return by_heads(slice(node.inputs[i], 2, begins_[i], begins_[i] + count));
    }

    // Heads of an odd width: the same with every head widened by zeros.
    static void launch_widened(Lowering& lowering, const AttentionWork& work) {
        int64_t width = work.width, wide = fours(width);
        auto widened = [&](const Operand& o, int64_t rows) {
            return repacked(lowering, o, {work.images * rows * work.heads, 1, width, 1, wide});
        };
        AttentionWork padded = work;
        padded.q = widened(work.q, work.queries);
        padded.k = widened(work.k, work.keys);
        padded.v = widened(work.v, work.keys);
        padded.y = lowering.scratch(padded.q.size, work.y.dtype);
        padded.width = wide;
        padded.pitch_q = padded.pitch_k = padded.pitch_v = work.heads * wide;
        launch_attention(lowering, padded);
        launch_repack(lowering, padded.y, work.y,
                      {work.images * work.queries * work.heads, 1, wide, 1, width});
    }

    // Elements between images (axis 0) or heads (axis 1) of the bias [1 or n, 1 or heads, s, t].
    static int64_t stride_of(const Tensor& bias, int axis) {
        if (!bias || bias[axis] == 1) return 0;
        return axis == 0 ? bias[1] * bias[2] * bias[3] : bias[2] * bias[3];
    }

    AttentionOptions options_;
    int64_t width_;
    std::array<int64_t, 3> begins_;
};

}   // namespace

std::shared_ptr<const Node> attention_over_columns(const Node& consumer, const Tensor& part,
                                                   const Tensor& whole, int64_t begin) {
    auto* op = dynamic_cast<const AttentionOp*>(consumer.op.get());
    return op ? op->over_columns(consumer, part, whole, begin) : nullptr;
}

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
    return compute(std::make_shared<AttentionOp>(scaled, width),
                   {q, cast(k, q.dtype()), cast(v, q.dtype()), bias}, q.shape(), q.dtype());
}

}   // namespace kiln
