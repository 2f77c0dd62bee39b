// Group normalization in three steps: statistics of every channel over chunks of rows, one factor
// set a channel, and the affine map with an absorbed activation. Wu and He. Group Normalization.
// 2018.
#include "kernels/group_norm.h"

#include "runtime/ops/checks.h"
#include "runtime/ops/epilogue.h"
#include "runtime/ops/gradient.h"
#include "runtime/ops/group_norm_factors.h"
#include "runtime/ops/group_norm_gradient.h"
#include "runtime/ops/pointwise.h"

namespace kiln {
namespace {

class GroupNormOp : public Op {
public:
    GroupNormOp(int groups, float eps, FusedActivation activation = {Activation::none, 0})
        : groups_(groups), eps_(eps), activation_(activation) {}
    std::string_view name() const override { return "group_norm"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        NormLayout x(out);
        const std::vector<Statistics> statistics = norm_statistics(lowering, node.inputs[0], x);
        Operand scales =
            norm_factors(lowering, x, statistics, {groups_, eps_}, node.inputs[1], node.inputs[2]);
        const auto apply = [=, this, &lowering] {
            const uint64_t chunk = x.chunk_of_values(lowering.caps());
            for (const NormPart& part : parts_of(lowering.caps(), x, chunk))
                launch_apply(lowering, node, out, x, part, chunk, scales);
        };
        const bool usual =
            activation_.activation != Activation::leaky_relu || activation_.slope == 0.01f;
        if (x.unit == Unit::f32_scalar || !usual) return apply();
        lowering.defer(out,
                       {.x = lowering.operand(node.inputs[0]),
                        .factors = scales,
                        .images = int64_t(x.images),
                        .activation = uint32_t(activation_.activation)},
                       apply);
    }

    bool reads_statistics(bool) const override { return true; }

    Tensor composition(const Node& node) const override {
        const Tensor& x = node.inputs[0];
        int64_t rows = x.shape().count() / x[0] / x[-1];
        Tensor grouped = reshape(x, {x[0], rows, groups_, x[-1] / groups_});
        Tensor centred = grouped - mean(grouped, {1, 3});
        Tensor normal = centred * rsqrt(mean(square(centred), {1, 3}) + eps_);
        Tensor y = reshape(normal, x.shape());
        if (node.inputs[1]) y = y * node.inputs[1] + node.inputs[2];
        return activated(y);
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor&, const Tensor& d) const override {
        const Tensor &x = node.inputs[0], &weight = node.inputs[1], &bias = node.inputs[2];
        if (!has_group_norm_gradient(activation_.activation)) return {};
        std::vector<Tensor> grads{group_norm_gradient(
            d, x, weight, bias, {groups_, eps_, activation_.activation == Activation::silu})};
        if (!weight) return {grads[0], {}, {}};
        const Tensor normal = group_norm(x, groups_, {}, {}, eps_), y = normal * weight + bias;
        const Tensor d_y = gradient(activated(y), d, {y})[0];
        std::vector<int> rows(size_t(x.rank() - 1));
        for (size_t i = 0; i < rows.size(); i++) rows[i] = int(i);
        const auto to_channels = [&](const Tensor& t) {
            return cast(reshape(sum(t, rows), weight.shape()), weight.dtype());
        };
        return {grads[0], to_channels(d_y * normal), to_channels(d_y)};
    }

    std::shared_ptr<const Node> absorb(const Node& self, const Tensor&, const Node& consumer,
                                       const Tensor&) const override {
        auto next = activation_of(*consumer.op);
        if (!next || activation_.activation != Activation::none) return nullptr;
        return std::make_shared<Node>(
            Node{std::make_shared<GroupNormOp>(groups_, eps_, *next), self.inputs});
    }

private:
    Tensor activated(const Tensor& y) const {
        return activation_.activation == Activation::leaky_relu
                   ? leaky_relu(y, activation_.slope)
                   : kiln::apply(activation_.activation, y);
    }

    void launch_apply(Lowering& lowering, const Node& node, const Tensor& out, const NormLayout& x,
                      const NormPart& part, uint64_t chunk, const Operand& scales) const {
        using namespace kernels::group_norm;
        uint64_t chunks = part.chunks(chunk), count = part.images * chunks * x.width;
        Window in = part.window(lowering.caps(), lowering.operand(node.inputs[0]), x),
               to = part.window(lowering.caps(), lowering.operand(out), x);
        lowering.launch(launch(variant<Variant>(x.unit),
                               {.x = in.operand, .scales = scales, .y = to.operand},
                               {.count = uint32_t(count),
                                .width = uint32_t(x.width),
                                .rows = uint32_t(part.rows()),
                                .chunk = uint32_t(chunk),
                                .chunks = uint32_t(chunks),
                                .base = in.base,
                                .image = uint32_t(part.image),
                                .slope = activation_.slope},
                               {.local_x = 64, .activation = uint32_t(activation_.activation)},
                               fold(lowering.caps(), (count + 63) / 64)));
    }

    int groups_;
    float eps_;
    FusedActivation activation_;
};

}   // namespace

Tensor group_norm(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias,
                  float eps) {
    require_float("group_norm", x);
    if (x.rank() < 2 || groups < 1 || x[-1] % groups)
        model_error("group_norm",
                    "channels are not a multiple of " + std::to_string(groups) + " groups", {x});
    Shape channels{x[-1]};
    if (bool(weight) != bool(bias) ||
        (weight && (weight.shape() != channels || bias.shape() != channels)))
        model_error("group_norm", "weight and bias are [c], or both absent", {x, weight, bias});
    if (odd_16_bit(x))
        return in_f32(x, [&](const Tensor& v) { return group_norm(v, groups, weight, bias, eps); });
    auto as_f32 = [](const Tensor& t) { return t ? cast(t, DType::f32) : t; };
    return compute(std::make_shared<GroupNormOp>(groups, eps), {x, as_f32(weight), as_f32(bias)},
                   x.shape(), x.dtype());
}

}   // namespace kiln
