#include "kernels/scatter_add.h"

#include "runtime/ops/checks.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

class ScatterAddOp : public Op {
public:
    std::string_view name() const override { return "scatter_add"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::scatter_add;
        const Caps& caps = lowering.caps();
        const Tensor& x = node.inputs[0];
        if (caps.loop_iterations && uint64_t(x[0]) >= caps.loop_iterations)
            model_error("scatter_add", "more rows than this device's loops may take", {x});
        Unit unit = unit_of(DType::f32, x[1] % 4 == 0);
        uint32_t width = uint32_t(x[1]) / width_of(unit), count = uint32_t(out[0]) * width;
        lowering.launch(
            launch(unit == Unit::f32 ? Variant::f32 : Variant::f32_scalar,
                   {.x = lowering.operand(x),
                    .indices = lowering.operand(node.inputs[1]),
                    .y = lowering.operand(out)},
                   {.count = count, .n = uint32_t(x[0]), .width = width, .rows = uint32_t(out[0])},
                   {.local_x = 64}, fold(caps, (uint64_t(count) + 63) / 64)));
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor&, const Tensor& d) const override {
        return {gather(d, node.inputs[1]), Tensor()};
    }
};

}   // namespace

Tensor scatter_add(const Tensor& x, const Tensor& indices, int64_t rows) {
    require_float("scatter_add", x);
    if (x.rank() != 2 || indices.shape() != Shape{x[0]} || indices.dtype() != DType::i32 ||
        rows < 1)
        model_error("scatter_add", "takes [n, c] and i32 indices [n]", {x, indices});
    if (x.dtype() != DType::f32)
        return in_f32(x, [&](const Tensor& v) { return scatter_add(v, indices, rows); });
    return compute(std::make_shared<ScatterAddOp>(), {x, indices}, {rows, x[1]}, DType::f32);
}

}   // namespace kiln
