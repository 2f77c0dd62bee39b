#include "runtime/ops/checks.h"
#include "runtime/ops/copy.h"

namespace kiln {
namespace {

class PermuteOp : public Op {
public:
    explicit PermuteOp(std::vector<int> order) : order_(std::move(order)) {}
    std::string_view name() const override { return "permute"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        Strides dense = dense_strides(node.inputs[0].shape()), strides;
        for (int axis : order_) strides.push_back(dense[size_t(axis)]);
        launch_copy(lowering, out.shape(), {lowering.operand(node.inputs[0]), strides},
                    {lowering.operand(out), dense_strides(out.shape())});
    }

    std::vector<Tensor> vjp(const Node&, const Tensor&, const Tensor& d) const override {
        std::vector<int> inverse(order_.size());
        for (size_t i = 0; i < order_.size(); i++) inverse[size_t(order_[i])] = int(i);
        return {permute(d, inverse)};
    }

private:
    std::vector<int> order_;
};

}   // namespace

Tensor permute(const Tensor& x, const std::vector<int>& order) {
    require_float("permute", x);
    Shape shape;
    std::vector<int> axes;
    std::vector<bool> seen(size_t(x.rank()), false);
    int last = -1;
    bool moves = false;   // anything but axes of extent 1
    for (int entry : order) {
        int axis = axis_of("permute", x, entry);
        if (seen[size_t(axis)]) model_error("permute", "an axis appears twice", {x});
        seen[size_t(axis)] = true;
        axes.push_back(axis);
        shape.dims.push_back(x[axis]);
        if (x[axis] == 1) continue;
        moves = moves || axis < last;
        last = axis;
    }
    if (int(order.size()) != x.rank())
        model_error("permute", "an entry for every axis is needed", {x});
    if (!moves) return reshape(x, shape);
    if (is_16_bit(x.dtype()) && !in_fours(shape))
        return in_f32(x, [&](const Tensor& v) { return permute(v, order); });
    return compute(std::make_shared<PermuteOp>(axes), {x}, shape, x.dtype());
}

Tensor transpose(const Tensor& x) {
    if (x.rank() < 2) model_error("transpose", "takes at least two axes", {x});
    std::vector<int> order;
    for (int i = 0; i < x.rank(); i++) order.push_back(i);
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    return permute(x, order);
}

}   // namespace kiln
