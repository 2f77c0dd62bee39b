#include "runtime/base/check.h"
#include "runtime/ops/checks.h"

namespace kiln {
namespace {

class ReshapeOp : public Op {
public:
    std::string_view name() const override { return "reshape"; }
    bool is_view() const override { return true; }
    void lower(Lowering&, const Node&, const Tensor&) const override {
        ensure(false, "a view has no launch");
    }
    std::vector<Tensor> vjp(const Node& node, const Tensor&, const Tensor& d) const override {
        return {reshape(d, node.inputs[0].shape())};
    }
};

}   // namespace

Tensor reshape(const Tensor& x, Shape shape) {
    int64_t known = 1;
    int open = -1;
    for (int i = 0; i < shape.rank(); i++) {
        if (shape[i] != -1)
            known *= shape[i];
        else if (open < 0)
            open = i;
        else
            model_error("reshape", "more than one extent is open in " + to_string(shape), {x});
    }
    if (open >= 0 && known > 0) shape[open] = x.shape().count() / known;
    if (shape.count() != x.shape().count())
        model_error("reshape", "the count differs from " + to_string(shape), {x});
    if (shape == x.shape()) return x;
    return compute(std::make_shared<ReshapeOp>(), {x}, shape, x.dtype());
}

}   // namespace kiln
