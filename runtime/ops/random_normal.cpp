#include "kernels/random_normal.h"

#include "runtime/ops/checks.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

class RandomNormalOp : public Op {
public:
    std::string_view name() const override { return "random_normal"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::random_normal;
        uint32_t count = uint32_t(out.shape().count());
        Spread s = spread(lowering.caps(), count);
        lowering.launch(launch(
            Variant::main, {.seed = lowering.operand(node.inputs[0]), .y = lowering.operand(out)},
            {.count = count, .chunk = s.chunk}, {.local_x = s.local}, s.grid));
    }

    std::vector<Tensor> vjp(const Node&, const Tensor&, const Tensor&) const override {
        return {Tensor()};
    }
};

}   // namespace

Tensor random_normal(Shape shape, const Tensor& seed_offset) {
    if (seed_offset.dtype() != DType::i32 || seed_offset.shape() != Shape{3})
        model_error("random_normal", "the seed is i32 [3]", {seed_offset});
    return compute(std::make_shared<RandomNormalOp>(), {seed_offset}, std::move(shape), DType::f32);
}

}   // namespace kiln
