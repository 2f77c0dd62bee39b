// The gradient of group norm by its input, in three steps after the statistics: sums of every
// channel over chunks of rows, merged for each group, and the gradient of each value. With g the
// gradient by the normalized values n, weight and activation included, and r their scale, it is
// r (g - mean(g) - n mean(g n)), means over a group.
// Ioffe and Szegedy. Batch Normalization. 2015, section 3; Wu and He. Group Normalization. 2018.
#include "runtime/ops/group_norm_gradient.h"

#include "kernels/group_norm_gradient.h"
#include "kernels/group_norm_gradient_merge.h"
#include "kernels/group_norm_gradient_sums.h"
#include "runtime/ops/checks.h"
#include "runtime/ops/group_norm_factors.h"
#include "runtime/ops/pointwise.h"

namespace kiln {
namespace {

// Inputs: d, x, weight, bias, and what is added to the result.
class GroupNormGradientOp : public Op {
public:
    explicit GroupNormGradientOp(const GroupNormGradientOptions& options) : options_(options) {}
    std::string_view name() const override { return "group_norm_gradient"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        const NormLayout x(out);
        const NormGroups norm{options_.groups, options_.eps};
        const std::vector<Statistics> statistics = norm_statistics(lowering, node.inputs[1], x);
        const Operand factors =
            norm_factors(lowering, x, statistics, norm, node.inputs[2], node.inputs[3]);
        const Operand plain =
            node.inputs[2] ? norm_factors(lowering, x, statistics, norm, {}, {}) : factors;
        const Operand terms = merged(lowering, x, sums(lowering, node, x, factors), factors, plain);
        launch_values(lowering, node, out, x, factors, terms);
    }

    bool reads_statistics(bool) const override { return true; }

    Tensor composition(const Node& node) const override {
        const Tensor &d = node.inputs[0], &x = node.inputs[1], &weight = node.inputs[2];
        const Shape grouped{x[0], x.shape().count() / x[0] / x[-1], options_.groups,
                            x[-1] / options_.groups};
        const Tensor values = reshape(x, grouped), centred = values - mean(values, {1, 3});
        const Tensor scale = rsqrt(mean(square(centred), {1, 3}) + options_.eps);
        const Tensor normal = centred * scale;
        Tensor g = d;
        if (options_.silu) {
            Tensor z = reshape(normal, x.shape());
            if (weight) z = z * weight + node.inputs[3];
            const Tensor s = sigmoid(z);
            g = g * (s + z * s * affine(s, -1, 1));
        }
        g = reshape(weight ? g * weight : g, grouped);
        const Tensor apart = g - mean(g, {1, 3}) - normal * mean(g * normal, {1, 3});
        const Tensor d_x = reshape(apart * scale, x.shape());
        return node.inputs[4] ? d_x + node.inputs[4] : d_x;
    }

    std::shared_ptr<const Node> absorb(const Node& self, const Tensor& self_out,
                                       const Node& consumer, const Tensor& out) const override {
        if (!is_add(*consumer.op) || self.inputs[4] || out.shape() != self_out.shape())
            return nullptr;
        const bool first = consumer.inputs[0].id() == self_out.id();
        const Tensor& other = consumer.inputs[first ? 1 : 0];
        if (other.id() == self_out.id() || other.shape() != out.shape() ||
            other.dtype() != self_out.dtype() || out.dtype() != self_out.dtype())
            return nullptr;
        Node both{self.op, self.inputs};
        both.inputs[4] = other;
        return std::make_shared<Node>(std::move(both));
    }

private:
    Statistics sums(Lowering& lowering, const Node& node, const NormLayout& x,
                    const Operand& factors) const {
        using namespace kernels::group_norm_gradient_sums;
        const Caps& caps = lowering.caps();
        const uint64_t chunk = x.chunk_of_sums(caps), all = (x.rows + chunk - 1) / chunk;
        Statistics made{lowering.scratch(x.images * all * x.channels() * 2 * 4), x.channels(),
                        chunk};
        for (const NormPart& part : parts_of(caps, x, chunk)) {
            const uint64_t chunks = part.chunks(chunk), count = part.images * chunks * x.width;
            const Window d = part.window(caps, lowering.operand(node.inputs[0]), x),
                         in = part.window(caps, lowering.operand(node.inputs[1]), x);
            lowering.launch(launch(
                variant<Variant>(x.unit),
                {.d = d.operand, .x = in.operand, .factors = factors, .partials = made.partials},
                {.count = uint32_t(count),
                 .width = uint32_t(x.width),
                 .rows = uint32_t(part.rows()),
                 .chunk = uint32_t(chunk),
                 .chunks = uint32_t(chunks),
                 .base = in.base,
                 .image = uint32_t(part.image),
                 .first = uint32_t(part.image * all + part.begin / chunk)},
                {.local_x = 64, .silu = options_.silu}, fold(caps, (count + 63) / 64)));
        }
        return made;
    }

    // f32 [images, units of channels, 2, unit].
    Operand merged(Lowering& lowering, const NormLayout& x, const Statistics& sums,
                   const Operand& factors, const Operand& plain) const {
        using namespace kernels::group_norm_gradient_merge;
        const Operand terms = lowering.scratch(x.images * x.channels() * 2 * 4);
        const uint32_t size = uint32_t(x.channels()) / uint32_t(options_.groups),
                       chunks = div_up(int64_t(x.rows), int64_t(sums.chunk));
        const RowGroup group = row_group(lowering.caps(), x.images * uint64_t(options_.groups),
                                         uint64_t(chunks) * size / 4);
        Launch merge =
            launch(group.subgroup ? Variant::subgroup : Variant::shared,
                   {.partials = sums.partials, .factors = factors, .plain = plain, .terms = terms},
                   {.groups = uint32_t(options_.groups),
                    .group_channels = size,
                    .rows = uint32_t(x.rows),
                    .chunks = chunks},
                   {.local_x = group.local, .unit_width = width_of(x.unit)},
                   {uint32_t(options_.groups), uint32_t(x.images), 1});
        merge.subgroup_size = group.required_size;
        lowering.launch(std::move(merge));
        return terms;
    }

    void launch_values(Lowering& lowering, const Node& node, const Tensor& out, const NormLayout& x,
                       const Operand& factors, const Operand& terms) const {
        using namespace kernels::group_norm_gradient;
        const Caps& caps = lowering.caps();
        const Tensor& added = node.inputs[4];
        const uint64_t chunk = x.chunk_of_values(caps);
        for (const NormPart& part : parts_of(caps, x, chunk)) {
            const uint64_t chunks = part.chunks(chunk), count = part.images * chunks * x.width;
            const auto at = [&](const Tensor& t) {
                return part.window(caps, lowering.operand(t), x);
            };
            const Window d = at(node.inputs[0]), in = at(node.inputs[1]), to = at(out);
            lowering.launch(launch(variant<Variant>(x.unit),
                                   {.d = d.operand,
                                    .x = in.operand,
                                    .factors = factors,
                                    .terms = terms,
                                    .added = added ? at(added).operand : d.operand,
                                    .y = to.operand},
                                   {.count = uint32_t(count),
                                    .width = uint32_t(x.width),
                                    .rows = uint32_t(part.rows()),
                                    .chunk = uint32_t(chunk),
                                    .chunks = uint32_t(chunks),
                                    .base = in.base,
                                    .image = uint32_t(part.image)},
                                   {.local_x = 64, .silu = options_.silu, .adds = bool(added)},
                                   fold(caps, (count + 63) / 64)));
        }
    }

    GroupNormGradientOptions options_;
};

}   // namespace

Tensor group_norm_gradient(const Tensor& d, const Tensor& x, const Tensor& weight,
                           const Tensor& bias, const GroupNormGradientOptions& options) {
    require_float("group_norm_gradient", x);
    if (d.shape() != x.shape() || x.rank() < 2 || options.groups < 1 || x[-1] % options.groups)
        model_error("group_norm_gradient", "d has the shape of x, in whole groups", {d, x});
    if (bool(weight) != bool(bias) ||
        (weight && (weight.shape() != Shape{x[-1]} || bias.shape() != Shape{x[-1]})))
        model_error("group_norm_gradient", "weight and bias are [c], or both absent",
                    {x, weight, bias});
    if (odd_16_bit(x))
        return in_f32(x, [&](const Tensor& v) {
            return group_norm_gradient(cast(d, DType::f32), v, weight, bias, options);
        });
    const auto as_f32 = [](const Tensor& t) { return t ? cast(t, DType::f32) : t; };
    return compute(std::make_shared<GroupNormGradientOp>(options),
                   {cast(d, x.dtype()), x, as_f32(weight), as_f32(bias), {}}, x.shape(), x.dtype());
}

}   // namespace kiln
