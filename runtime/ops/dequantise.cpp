#include "runtime/ops/dequantise.h"

#include "kernels/dequantise.h"
#include "runtime/base/check.h"
#include "runtime/ops/ops.h"
#include "runtime/ops/spread.h"
#include "runtime/tensor/quantised.h"

namespace kiln {
namespace {

class DequantiseOp : public Op {
public:
    std::string_view name() const override { return "dequantise"; }
    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        const Tensor& w = node.inputs[0];
        launch_dequantise(lowering, lowering.operand(w), lowering.operand(out), w[0], w[1],
                          w.value().scale);
    }
    std::vector<Tensor> vjp(const Node&, const Tensor&, const Tensor&) const override {
        return {Tensor()};   // what is quantised is not trained
    }
};

}   // namespace

uint32_t product_format(DType dtype) {
    switch (dtype) {
        case DType::f32: return 0;
        case DType::f16: return 1;
        case DType::bf16: return 2;
        case DType::f8_e4m3: return 3;
        case DType::f8_e5m2: return 4;
        default:
            ensure(is_block(dtype), "a type that products read");
            return 8 + uint32_t(dtype) - uint32_t(DType::q8_0);
    }
}

Tensor dequantise(const Tensor& w, DType dtype) {
    if (w.rank() != 2 || !can_quantise(w.dtype(), w[0], w[1]))
        model_error("dequantise", "takes a matrix of whole blocks", {w});
    const bool direct = dtype == DType::f32 || dtype == DType::f16;
    const Tensor plain =
        compute(std::make_shared<DequantiseOp>(), {w}, w.shape(), direct ? dtype : DType::f32);
    return direct ? plain : cast(plain, dtype);
}

void launch_dequantise(Lowering& lowering, const Operand& from, const Operand& to, int64_t in,
                       int64_t out, float scale) {
    using namespace kernels::dequantise;
    const uint32_t depth = uint32_t(in / 4), columns = uint32_t(out / 4);
    const Spread s = spread(lowering.caps(), uint64_t(depth) * columns);
    lowering.launch(launch(
        Variant::main, {.x = from, .y = to},
        {.depth = depth, .columns = columns, .chunk = s.chunk, .scale = scale},
        {.local_x = s.local, .format = product_format(from.dtype), .half = to.dtype == DType::f16},
        s.grid));
}

}   // namespace kiln
