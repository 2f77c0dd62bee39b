// Shazeer. GLU Variants Improve Transformer. 2020.
#include "runtime/ops/geglu.h"

#include "kernels/geglu.h"

#include "runtime/ops/checks.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

class GegluOp : public Op {
public:
    std::string_view name() const override { return "geglu"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        launch_geglu(lowering, lowering.operand(node.inputs[0]), lowering.operand(out),
                     uint64_t(out.shape().count() / out[-1]), uint64_t(out[-1]));
    }

    Tensor composition(const Node& node) const override {
        std::vector<Tensor> halves = split(node.inputs[0], 2);
        return halves[0] * gelu(halves[1]);
    }
};

}   // namespace

bool is_geglu(const Op& op) { return dynamic_cast<const GegluOp*>(&op); }

void launch_geglu(Lowering& lowering, const Operand& x, const Operand& y, uint64_t rows,
                  uint64_t width) {
    using namespace kernels::geglu;
    const Caps& caps = lowering.caps();
    Unit unit = unit_of(y.dtype, width % 4 == 0);
    width /= width_of(unit);
    uint64_t row = width * bytes_of(unit);
    for (Band band : bands(caps, rows, {{2 * row, 2 * row}, {row, row}})) {
        uint64_t count = band.end - band.begin;
        Window in = window(caps, x, band.begin * 2 * row, count * 2 * row, bytes_of(unit));
        Window to = window(caps, y, band.begin * row, count * row, bytes_of(unit));
        Spread s = spread(caps, count * width);
        lowering.launch(launch(variant<Variant>(unit), {.x = in.operand, .y = to.operand},
                               {.count = uint32_t(count * width),
                                .chunk = s.chunk,
                                .width = uint32_t(width),
                                .x_base = in.base,
                                .y_base = to.base},
                               {.local_x = s.local}, s.grid));
    }
}

Tensor geglu(const Tensor& x) {
    require_float("geglu", x);
    if (x.rank() < 1 || x[-1] % 2) model_error("geglu", "the last axis has two halves", {x});
    Shape shape = x.shape();
    shape[-1] /= 2;
    if (is_16_bit(x.dtype()) && !in_fours(shape))
        return in_f32(x, [](const Tensor& v) { return geglu(v); });
    return compute(std::make_shared<GegluOp>(), {x}, shape, x.dtype());
}

}   // namespace kiln
