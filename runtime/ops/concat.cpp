#include "runtime/ops/checks.h"
#include "runtime/ops/copy.h"

namespace kiln {
namespace {

class ConcatOp : public Op {
public:
    explicit ConcatOp(int axis) : axis_(axis) {}
    std::string_view name() const override { return "concat"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        Strides strides = dense_strides(out.shape());
        int64_t offset = 0;
        for (const Tensor& part : node.inputs) {
            launch_copy(lowering, part.shape(),
                        {lowering.operand(part), dense_strides(part.shape())},
                        {lowering.operand(out), strides, offset});
            offset += part[axis_] * strides[size_t(axis_)];
        }
        if (lowering.wants_statistics(lowering.operand(out))) pass_statistics(lowering, node, out);
    }

    bool reads_statistics(bool wanted) const override { return wanted; }

    std::vector<Tensor> vjp(const Node& node, const Tensor&, const Tensor& d) const override {
        std::vector<Tensor> grads;
        int64_t begin = 0;
        for (const Tensor& part : node.inputs) {
            grads.push_back(slice(d, axis_, begin, begin + part[axis_]));
            begin += part[axis_];
        }
        return grads;
    }

private:
    // Those of channels side by side lie side by side too.
    void pass_statistics(Lowering& lowering, const Node& node, const Tensor& out) const {
        if (axis_ + 1 != out.rank()) return;
        std::vector<Statistics> all;
        for (const Tensor& part : node.inputs) {
            std::vector<Statistics> given = lowering.statistics(part);
            if (given.empty()) return;
            all.insert(all.end(), given.begin(), given.end());
        }
        lowering.give_statistics(lowering.operand(out), std::move(all));
    }

    int axis_;
};

}   // namespace

Tensor concat(const std::vector<Tensor>& parts, int axis) {
    if (parts.empty()) model_error("concat", "takes at least one part", {});
    axis = axis_of("concat", parts[0], axis);
    Shape shape = parts[0].shape();
    shape[axis] = 0;
    DType dtype = parts[0].dtype();
    bool odd = false;
    for (const Tensor& part : parts) {
        require_float("concat", part);
        Shape other = part.shape();
        if (other.rank() == shape.rank()) other[axis] = 0, shape[axis] += part[axis];
        Shape wanted = shape;
        wanted[axis] = 0;
        if (other != wanted)
            model_error("concat", "parts differ off axis " + std::to_string(axis), parts);
        odd = odd || (is_16_bit(dtype) && !in_fours(part.shape()));
    }
    if (parts.size() == 1) return parts[0];
    std::vector<Tensor> same;
    for (const Tensor& part : parts) same.push_back(cast(part, odd ? DType::f32 : dtype));
    return cast(compute(std::make_shared<ConcatOp>(axis), same, shape, odd ? DType::f32 : dtype),
                dtype);
}

}   // namespace kiln
