#include "kernels/softmax.h"

#include "runtime/ops/checks.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

class SoftmaxOp : public Op {
public:
    std::string_view name() const override { return "softmax"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::softmax;
        const Caps& caps = lowering.caps();
        Unit unit = unit_of(out.dtype(), out[-1] % 4 == 0);
        uint64_t width = uint64_t(out[-1]) / width_of(unit),
                 rows = uint64_t(out.shape().count() / out[-1]);
        uint64_t row = width * bytes_of(unit);
        for (Band band : bands(caps, rows, {{row, row}})) {
            uint64_t begin = band.begin * row, count = band.end - band.begin;
            Window in =
                window(caps, lowering.operand(node.inputs[0]), begin, count * row, bytes_of(unit));
            Window to = window(caps, lowering.operand(out), begin, count * row, bytes_of(unit));
            RowGroup group = row_group(caps, count, width);
            Launch rows_of = launch(variant<Variant>(unit, group.subgroup ? kUnits : 0),
                                    {.x = in.operand, .y = to.operand},
                                    {.rows = uint32_t(count),
                                     .width = uint32_t(width),
                                     .rows_each = group.rows_each,
                                     .base = in.base},
                                    {.local_x = group.local}, group.grid);
            rows_of.subgroup_size = group.required_size;
            lowering.launch(std::move(rows_of));
        }
    }

    std::vector<Tensor> vjp(const Node&, const Tensor& y, const Tensor& d) const override {
        return {(d - sum(d * y, {-1})) * y};
    }
};

}   // namespace

Tensor softmax(const Tensor& x) {
    require_float("softmax", x);
    if (x.rank() < 1) model_error("softmax", "takes at least one axis", {x});
    if (odd_16_bit(x)) return in_f32(x, [](const Tensor& v) { return softmax(v); });
    return compute(std::make_shared<SoftmaxOp>(), {x}, x.shape(), x.dtype());
}

}   // namespace kiln
