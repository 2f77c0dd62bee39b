#include "runtime/ops/cast.h"

#include "kernels/cast.h"

#include "runtime/base/check.h"
#include "runtime/ops/checks.h"
#include "runtime/ops/dequantise.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

// By the values in shaders/ops/cast.comp; negative: not among those that are cast.
int code_of(DType type) {
    switch (type) {
        case DType::f32: return 0;
        case DType::f16: return 1;
        case DType::bf16: return 2;
        case DType::f8_e4m3: return 3;
        case DType::f8_e5m2: return 4;
        case DType::i32: return 5;
        default: return -1;
    }
}

class CastOp : public Op {
public:
    std::string_view name() const override { return "cast"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        const Tensor& x = node.inputs[0];
        const uint64_t count = (uint64_t(out.shape().count()) + 3) / 4 * 4;
        if (lowering.operand(x).size < count * size_of(x.dtype()))
            model_error("cast", "a parameter of a count that is not a multiple of four", {x});
        launch_cast(lowering, lowering.operand(x), lowering.operand(out), count);
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor&, const Tensor& d) const override {
        const Tensor& x = node.inputs[0];
        return {is_float(x.dtype()) ? cast(d, x.dtype()) : Tensor()};
    }
};

}   // namespace

void launch_cast(Lowering& lowering, const Operand& x, const Operand& y, uint64_t count) {
    using namespace kernels::cast;
    const Caps& caps = lowering.caps();
    const uint64_t in = size_of(x.dtype), to = size_of(y.dtype), fours = (count + 3) / 4;
    const auto row = [](uint64_t size) { return int(size == 4 ? 0 : size == 2 ? 1 : 2); };
    const Variant variant = Variant(3 * row(in) + row(to));
    for (Band band :
         bands(caps, (fours + 255) / 256, {{in * 1024, in * 1024}, {to * 1024, to * 1024}})) {
        const uint64_t begin = band.begin * 256, part = std::min(band.end * 256, fours) - begin;
        const Window from = window(caps, x, begin * in * 4, part * in * 4, uint32_t(in * 4));
        const Window into = window(caps, y, begin * to * 4, part * to * 4, uint32_t(to * 4));
        const Spread s = spread(caps, part);
        lowering.launch(launch(variant, {.x = from.operand, .y = into.operand},
                               {.count = uint32_t(part), .chunk = s.chunk},
                               {.local_x = s.local,
                                .from = uint32_t(code_of(x.dtype)),
                                .to = uint32_t(code_of(y.dtype))},
                               s.grid));
    }
}

Tensor cast(const Tensor& x, DType dtype) {
    if (x.dtype() == dtype) return x;
    if (is_block(x.dtype()) || x.value().scale != 1) return dequantise(x, dtype);
    if (code_of(x.dtype()) < 0 || code_of(dtype) < 0 || dtype == DType::i32 ||
        (x.dtype() == DType::i32 && dtype != DType::f32))
        model_error(
            "cast",
            "not from " + std::string(name_of(x.dtype())) + " to " + std::string(name_of(dtype)),
            {x});
    return compute(std::make_shared<CastOp>(), {x}, x.shape(), dtype);
}

}   // namespace kiln
