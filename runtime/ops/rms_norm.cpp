// Zhang and Sennrich. Root Mean Square Layer Normalization. 2019.
#include "runtime/ops/checks.h"
#include "runtime/ops/row_norm.h"

namespace kiln {
namespace {

class RmsNormOp : public Op {
public:
    explicit RmsNormOp(float eps) : eps_(eps) {}
    std::string_view name() const override { return "rms_norm"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        launch_row_norm(lowering, {false, eps_}, node.inputs[0], node.inputs[1], {}, out);
    }

    Tensor composition(const Node& node) const override {
        const Tensor& x = node.inputs[0];
        Tensor y = x * rsqrt(mean(square(x), {-1}) + eps_);
        return node.inputs[1] ? y * node.inputs[1] : y;
    }

private:
    float eps_;
};

}   // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps) {
    check_row_norm("rms_norm", x, weight, {});
    if (odd_16_bit(x)) return in_f32(x, [&](const Tensor& v) { return rms_norm(v, weight, eps); });
    Tensor factors = weight ? cast(weight, DType::f32) : weight;
    return compute(std::make_shared<RmsNormOp>(eps), {x, factors}, x.shape(), x.dtype());
}

}   // namespace kiln
