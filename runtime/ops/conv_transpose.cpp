#include "runtime/ops/checks.h"
#include "runtime/ops/conv_shape.h"
#include "runtime/ops/epilogue.h"

namespace kiln {
namespace {

// A convolution over the upsampled input with the kernel walked backwards: result o meets input
// (o + pad - tap * dilation) / stride where that is whole.
// Dumoulin and Visin. A Guide to Convolution Arithmetic for Deep Learning. 2016, chapter 4.
class ConvTransposeOp : public Op {
public:
    ConvTransposeOp(ConvShape shape, Epilogue epilogue)
        : shape_(std::move(shape)), epilogue_(epilogue) {}

    std::string_view name() const override { return "conv_transpose"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        const Tensor &x = node.inputs[0], &w = node.inputs[1];
        Product p{.a = lowering.operand(x),
                  .b = lowering.operand(w),
                  .d = lowering.operand(out),
                  .map = map_of(x, w, out),
                  .columns = w[-1],
                  .channels = w[-2],
                  .pitch_a = w[-2],
                  .pitch_b = w[-1],
                  .pitch_d = w[-1]};
        for (int i = 0, axis = 3 - shape_.axes(); i < shape_.axes(); i++, axis++) {
            p.map.up[axis] = shape_.stride[i];
            p.map.dilation[axis] = -shape_.dilation[i];
            p.map.pad[axis] = -shape_.pad_before[i];
        }
        set_epilogue(lowering, p, epilogue_, node);
        if (in_phases(lowering.caps(), p))
            launch_phases(lowering, p);
        else
            launch_any_product(lowering, p, name());
    }

    Tensor composition(const Node& node) const override {
        if (!node.inputs[2] && !node.inputs[3] && epilogue_.activation == Activation::none)
            return {};
        ConvTransposeOptions options{shape_.stride,   shape_.pad_before,     shape_.pad_after,
                                     shape_.dilation, shape_.output_padding, 1};
        return compose_epilogue(epilogue_,
                                conv_transpose(node.inputs[0], node.inputs[1], {}, options), node);
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor& out,
                            const Tensor& d_out) const override {
        if (composition(node)) return Op::vjp(node, out, d_out);
        const Tensor &x = node.inputs[0], &w = node.inputs[1];
        Tensor d_x = conv(d_out, transpose(w), {},
                          {shape_.stride, shape_.pad_before, shape_.pad_after, shape_.dilation, 1});
        Tensor d_w = transpose(weight_gradient(d_out, x, w.shape(), shape_));
        return {d_x, cast(d_w, w.dtype()), {}, {}};
    }

    std::shared_ptr<const Node> absorb(const Node& self, const Tensor& self_out,
                                       const Node& consumer,
                                       const Tensor& consumer_out) const override {
        auto absorbed = absorb_epilogue(epilogue_, self, self_out, consumer, consumer_out);
        if (!absorbed) return nullptr;
        return std::make_shared<Node>(
            Node{std::make_shared<ConvTransposeOp>(shape_, absorbed->epilogue), absorbed->inputs});
    }

private:
    // Along a line, results a stride apart meet the same taps, and no other result does: every
    // phase is a convolution of its own that wastes nothing on the gaps between pixels. Shi et al.
    // Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    // Neural Network. 2016, section 3.
    bool in_phases(const Caps& caps, const Product& p) const {
        const int64_t stride = p.map.up[2], out = p.map.out[2];
        if (shape_.axes() != 1 || stride == 1 || shape_.dilation[0] != 1) return false;
        if (p.map.taps[2] < stride || p.channels % 4 || p.columns % 4) return false;
        if (out % stride == 0)
            return p.map.images == 1 || p.residual_kind != Product::Residual::image;
        return p.map.images == 1 && p.d.size <= caps.binding_range;
    }

    void launch_phases(Lowering& lowering, const Product& whole) const {
        const int64_t stride = whole.map.up[2], size = whole.channels * whole.columns;
        for (int64_t r = 0; r < std::min(stride, whole.map.out[2]); r++) {
            const int64_t at = r + shape_.pad_before[0], tap = at % stride;
            Product p = whole;
            p.map.up[2] = 1;
            p.map.pad[2] = -(at / stride);
            p.map.out[2] = div_up(whole.map.out[2] - r, stride);
            p.map.taps[2] = div_up(whole.map.taps[2] - tap, stride);
            p.base_b = tap * size;
            p.skip_b = (stride - 1) * size;
            p.base_d = r * whole.columns;
            p.pitch_d = stride * whole.columns;
            launch_product(lowering, p, name());
        }
    }

    ConvShape shape_;
    Epilogue epilogue_;
};

Tensor one_group(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvShape& shape) {
    Shape out{x[0]};
    for (int i = 0; i < shape.axes(); i++) {
        int64_t extent = (x[1 + i] - 1) * shape.stride[i] - shape.pad_before[i] -
                         shape.pad_after[i] + shape.reach(w, i) + shape.output_padding[i];
        if (extent < 1) model_error("conv_transpose", "the padding leaves nothing", {x, w});
        out.dims.push_back(extent);
    }
    out.dims.push_back(w[-1]);
    return compute(std::make_shared<ConvTransposeOp>(shape, Epilogue{}), {x, w, bias, {}}, out,
                   x.dtype());
}

}   // namespace

Tensor conv_transpose(const Tensor& x, const Tensor& w, const Tensor& bias,
                      const ConvTransposeOptions& options) {
    ConvShape shape = conv_shape("conv_transpose", x, w, options.stride, options.pad_before,
                                 options.pad_after, options.dilation, options.output_padding);
    int groups = options.groups;
    if (groups < 1 || x[-1] % groups || w[-2] != x[-1])
        model_error("conv_transpose", "w is [kernel..., c_in, c_out / groups]", {x, w});
    check_operands("conv_transpose", x, w, bias, w[-1] * groups);
    const auto is_bf16 = [](const Tensor& t) { return t && t.dtype() == DType::bf16; };
    if (is_bf16(x) || (x.dtype() == DType::f16 && (w[-1] % 4 || x[-1] / groups % 4)))
        return in_f32(x, [&](const Tensor& y) { return conv_transpose(y, w, bias, options); });
    if (is_bf16(bias)) return conv_transpose(x, w, cast(bias, DType::f32), options);
    if (is_bf16(w) || (w.dtype() == DType::f16 && w.shape().count() % 2))
        return conv_transpose(x, cast(w, DType::f32), bias, options);
    if (groups == 1) return one_group(x, w, bias, shape);
    std::vector<Tensor> parts, xs = split(x, groups), ws = split(w, groups, -2);
    std::vector<Tensor> biases = bias ? split(bias, groups) : std::vector<Tensor>(size_t(groups));
    for (int g = 0; g < groups; g++) parts.push_back(one_group(xs[g], ws[g], biases[g], shape));
    return concat(parts, x.rank() - 1);
}

}   // namespace kiln
