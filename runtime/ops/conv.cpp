#include "kernels/conv_grouped.h"
#include "runtime/ops/checks.h"
#include "runtime/ops/conv_gradient.h"
#include "runtime/ops/epilogue.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

class ConvOp : public Op {
public:
    ConvOp(ConvShape shape, int groups, Epilogue epilogue)
        : shape_(std::move(shape)), groups_(groups), epilogue_(epilogue) {}

    std::string_view name() const override { return "conv"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        const Tensor &x = node.inputs[0], &w = node.inputs[1];
        if (!is_product(node)) return lower_grouped(lowering, node, out);
        Product p{.b = lowering.operand(w),
                  .d = lowering.operand(out),
                  .map = map_of(x, w, out),
                  .columns = w[-1] / groups_,
                  .channels = w[-2],
                  .pitch_a = x[-1],
                  .pitch_b = w[-1],
                  .pitch_d = w[-1]};
        for (int i = 0, axis = 3 - shape_.axes(); i < shape_.axes(); i++, axis++) {
            p.map.stride[axis] = shape_.stride[i];
            p.map.dilation[axis] = shape_.dilation[i];
            p.map.pad[axis] = shape_.pad_before[i];
        }
        if (groups_ > 1) {
            p.inner = groups_;
            p.inner_a = w[-2];
            p.inner_b = p.inner_d = p.columns;
        }
        set_epilogue(lowering, p, epilogue_, node);
        set_source(lowering, p, x);
        if (groups_ > 1)
            launch_product(lowering, p, name());
        else
            launch_any_product(lowering, p, name());
    }

    Tensor composition(const Node& node) const override {
        if (!node.inputs[2] && !node.inputs[3] && epilogue_.activation == Activation::none)
            return {};
        return compose_epilogue(epilogue_, conv(node.inputs[0], node.inputs[1], {}, options()),
                                node);
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor& out,
                            const Tensor& d_out) const override {
        if (composition(node)) return Op::vjp(node, out, d_out);
        const Tensor &x = node.inputs[0], &w = node.inputs[1];
        const Tensor d_x = conv_input_gradient(d_out, w, x.shape(), shape_, groups_);
        if (groups_ == 1)
            return {d_x, cast(weight_gradient(x, d_out, w.shape(), shape_), w.dtype()), {}, {}};
        std::vector<Tensor> parts, xs = split(x, groups_), ds = split(d_out, groups_);
        for (int g = 0; g < groups_; g++)
            parts.push_back(weight_gradient(xs[g], ds[g], w.shape(), shape_));
        return {d_x, cast(concat(parts, w.rank() - 1), w.dtype()), {}, {}};
    }

    std::shared_ptr<const Node> absorb(const Node& self, const Tensor& self_out,
                                       const Node& consumer,
                                       const Tensor& consumer_out) const override {
        if (!is_product(self)) return nullptr;
        auto absorbed = absorb_epilogue(epilogue_, self, self_out, consumer, consumer_out);
        if (!absorbed) return nullptr;
        return std::make_shared<Node>(
            Node{std::make_shared<ConvOp>(shape_, groups_, absorbed->epilogue), absorbed->inputs});
    }

private:
    // Groups that are not multiples of four channels have a kernel of their own.
    bool is_product(const Node& node) const {
        const Tensor& w = node.inputs[1];
        return groups_ == 1 || (w[-2] % 4 == 0 && w[-1] / groups_ % 4 == 0);
    }

    ConvOptions options() const {
        return {shape_.stride, shape_.pad_before, shape_.pad_after, shape_.dilation, groups_};
    }

    void lower_grouped(Lowering& lowering, const Node& node, const Tensor& out) const {
        const Tensor &x = node.inputs[0], &w = node.inputs[1], &bias = node.inputs[2];
        PixelMap map = map_of(x, w, out);
        using namespace kernels::conv_grouped;
        Args args{.images = uint32_t(x[0]),
                  .groups = uint32_t(groups_),
                  .channels_in = uint32_t(x[-1]),
                  .channels_out = uint32_t(w[-1])};
        for (int axis = 0; axis < 3; axis++) {
            int i = axis - 3 + shape_.axes();
            args.in_size[axis] = uint32_t(map.in[axis]);
            args.out_size[axis] = uint32_t(map.out[axis]);
            args.taps[axis] = uint32_t(map.taps[axis]);
            args.stride[axis] = i < 0 ? 1 : uint32_t(shape_.stride[i]);
            args.dilation[axis] = i < 0 ? 1 : uint32_t(shape_.dilation[i]);
            args.pad[axis] = i < 0 ? 0 : uint32_t(shape_.pad_before[i]);
        }
        Operand in = lowering.operand(x);
        uint32_t bias_kind = !bias ? 0 : bias.dtype() == DType::f16 ? 2 : 1;
        lowering.launch(launch(
            Variant::main,
            {.x = in,
             .w = lowering.operand(w),
             .bias = bias ? lowering.operand(bias) : in,
             .y = lowering.operand(out)},
            args,
            {.x_half = x.dtype() == DType::f16,
             .w_half = w.dtype() == DType::f16,
             .bias = bias_kind,
             .y_half = out.dtype() == DType::f16},
            fold(lowering.caps(), div_up(out.shape().count() / w[-1] * div_up(w[-1], 4), 64))));
    }

    ConvShape shape_;
    int groups_;
    Epilogue epilogue_;
};

}   // namespace

Tensor conv(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& options) {
    ConvShape shape = conv_shape("conv", x, w, options.stride, options.pad_before,
                                 options.pad_after, options.dilation, {});
    int groups = options.groups;
    if (groups < 1 || x[-1] % groups || w[-1] % groups || w[-2] != x[-1] / groups)
        model_error("conv", "w is [kernel..., c_in / groups, c_out]", {x, w});
    check_operands("conv", x, w, bias, w[-1]);
    const auto is_bf16 = [](const Tensor& t) { return t && t.dtype() == DType::bf16; };
    const bool in_fours = w[-1] % 4 == 0 && w[-2] % 4 == 0 && x[-1] % 4 == 0;
    if ((is_bf16(x) && (groups > 1 || !in_fours)) ||
        (x.dtype() == DType::f16 && (w[-1] % 4 || x[-1] % 4)))
        return in_f32(x, [&](const Tensor& y) { return conv(y, w, bias, options); });
    if (is_bf16(bias)) return conv(x, w, cast(bias, DType::f32), options);
    if ((is_bf16(w) && (groups > 1 || !in_fours)) ||
        (w.dtype() == DType::f16 && w.shape().count() % 2))
        return conv(x, cast(w, DType::f32), bias, options);
    Shape out{x[0]};
    for (int i = 0; i < shape.axes(); i++) {
        int64_t room = x[1 + i] + shape.pad_before[i] + shape.pad_after[i] - shape.reach(w, i);
        if (room < 0) model_error("conv", "the kernel is larger than the padded input", {x, w});
        out.dims.push_back(room / shape.stride[i] + 1);
    }
    out.dims.push_back(w[-1]);
    return compute(std::make_shared<ConvOp>(shape, groups, Epilogue{}), {x, w, bias, {}}, out,
                   x.dtype());
}

}   // namespace kiln
