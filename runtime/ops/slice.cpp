#include "runtime/ops/attention_columns.h"
#include "runtime/ops/checks.h"
#include "runtime/ops/copy.h"

namespace kiln {
namespace {

class SliceOp : public Op {
public:
    SliceOp(int axis, int64_t begin, int64_t stride)
        : axis_(axis), begin_(begin), stride_(stride) {}
    std::string_view name() const override { return "slice"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        Strides strides = dense_strides(node.inputs[0].shape());
        int64_t offset = begin_ * strides[size_t(axis_)];
        strides[size_t(axis_)] *= stride_;
        launch_copy(lowering, out.shape(), {lowering.operand(node.inputs[0]), strides, offset},
                    {lowering.operand(out), dense_strides(out.shape())});
    }

    // Attention reads columns of longer rows where they lie.
    std::shared_ptr<const Node> absorb(const Node& self, const Tensor& self_out,
                                       const Node& consumer, const Tensor&) const override {
        const Tensor& x = self.inputs[0];
        if (axis_ != x.rank() - 1 || stride_ != 1) return nullptr;
        return attention_over_columns(consumer, self_out, x, begin_);
    }

    // Zeros between and around what was taken.
    std::vector<Tensor> vjp(const Node& node, const Tensor& y, const Tensor& d) const override {
        const Tensor& x = node.inputs[0];
        int64_t count = y[axis_], spread = (count - 1) * stride_ + 1;
        Tensor apart = d;
        if (stride_ > 1) {
            Shape split = y.shape(), joined = y.shape();
            split.dims.insert(split.dims.begin() + axis_ + 1, 1);
            joined[axis_] = count * stride_;
            std::vector<std::pair<int, int>> gaps(size_t(split.rank()), {0, 0});
            gaps[size_t(axis_) + 1].second = int(stride_ - 1);
            apart = slice(reshape(pad(reshape(d, split), gaps), joined), axis_, 0, spread);
        }
        std::vector<std::pair<int, int>> around(size_t(x.rank()), {0, 0});
        around[size_t(axis_)] = {int(begin_), int(x[axis_] - begin_ - spread)};
        return {pad(apart, around)};
    }

private:
    int axis_;
    int64_t begin_, stride_;
};

}   // namespace

Tensor slice(const Tensor& x, int axis, int64_t begin, int64_t end, int64_t stride) {
    require_float("slice", x);
    axis = axis_of("slice", x, axis);
    if (begin < 0) begin += x[axis];
    if (end < 0) end += x[axis];
    if (begin < 0 || begin >= end || end > x[axis] || stride < 1)
        model_error("slice",
                    "no part " + std::to_string(begin) + " to " + std::to_string(end) + " by " +
                        std::to_string(stride) + " of axis " + std::to_string(axis),
                    {x});
    Shape shape = x.shape();
    shape[axis] = (end - begin + stride - 1) / stride;
    if (shape == x.shape()) return x;
    if (is_16_bit(x.dtype()) && !in_fours(shape))
        return in_f32(x, [&](const Tensor& v) { return slice(v, axis, begin, end, stride); });
    return compute(std::make_shared<SliceOp>(axis, begin, stride), {x}, shape, x.dtype());
}

std::vector<Tensor> split(const Tensor& x, int parts, int axis) {
    axis = axis_of("split", x, axis);
    if (parts < 1 || x[axis] % parts)
        model_error("split", "not into " + std::to_string(parts) + " equal parts", {x});
    std::vector<Tensor> result;
    int64_t step = x[axis] / parts;
    for (int i = 0; i < parts; i++) result.push_back(slice(x, axis, i * step, (i + 1) * step));
    return result;
}

}   // namespace kiln
