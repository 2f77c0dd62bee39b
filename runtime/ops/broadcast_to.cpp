#include "runtime/ops/checks.h"
#include "runtime/ops/copy.h"

namespace kiln {
namespace {

class BroadcastOp : public Op {
public:
    std::string_view name() const override { return "broadcast_to"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        launch_copy(lowering, out.shape(),
                    {lowering.operand(node.inputs[0]),
                     broadcast_strides(node.inputs[0].shape(), out.shape())},
                    {lowering.operand(out), dense_strides(out.shape())});
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor& y, const Tensor& d) const override {
        const Tensor& x = node.inputs[0];
        std::vector<int> axes;
        for (int i = 0; i < y.rank(); i++) {
            int own = i - (y.rank() - x.rank());
            if (own < 0 || x[own] != y[i]) axes.push_back(i);
        }
        return {reshape(axes.empty() ? d : sum(d, axes), x.shape())};
    }
};

}   // namespace

Tensor broadcast_to(const Tensor& x, Shape shape) {
    require_float("broadcast_to", x);
    bool fits = x.rank() <= shape.rank();
    for (int i = 1; fits && i <= x.rank(); i++) fits = x[-i] == shape[-i] || x[-i] == 1;
    if (!fits) model_error("broadcast_to", "does not broadcast to " + to_string(shape), {x});
    if (shape.count() == x.shape().count()) return reshape(x, shape);
    if (is_16_bit(x.dtype()) && !in_fours(shape))
        return in_f32(x, [&](const Tensor& v) { return broadcast_to(v, shape); });
    return compute(std::make_shared<BroadcastOp>(), {x}, shape, x.dtype());
}

}   // namespace kiln
