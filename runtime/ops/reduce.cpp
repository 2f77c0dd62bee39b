#include <algorithm>

#include "kernels/reduce_columns.h"
#include "kernels/reduce_rows.h"
#include "runtime/ops/checks.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

// x [outer, count, inner] -> f32 [outer, 1, inner], times a scale.
class ReduceOp : public Op {
public:
    ReduceOp(bool maximum, float scale) : maximum_(maximum), scale_(scale) {}
    std::string_view name() const override { return maximum_ ? "max" : "sum"; }

    // A long reduction is cut in two: partial results into scratch, then those.
    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        const Tensor& x = node.inputs[0];
        Extents e{uint64_t(x[0]), uint64_t(x[1]), uint64_t(x[2])};
        Operand from = lowering.operand(x), to = lowering.operand(out);
        uint64_t splits = splits_of(lowering.caps(), e);
        if (splits == 1) return launch_stage(lowering, e, from, to, 1, scale_);
        Operand partials = lowering.scratch((e.outer * splits * e.inner * 4 + 15) / 16 * 16);
        launch_stage(lowering, e, from, partials, splits, 1);
        launch_stage(lowering, {e.outer, splits, e.inner}, partials, to, 1, scale_);
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor& y, const Tensor& d) const override {
        const Tensor& x = node.inputs[0];
        if (!maximum_) return {cast(broadcast_to(d * scale_, x.shape()), x.dtype())};
        Tensor wins = affine(step(y - cast(x, DType::f32)), -1, 1);   // equal maxima share alike
        return {cast(wins * (d / sum(wins, {1})), x.dtype())};
    }

private:
    struct Extents {
        uint64_t outer, count, inner;
    };

    // Parts whose number is exact: none is empty.
    static uint64_t splits_of(const Caps& caps, const Extents& e) {
        bool cpu = caps.kind == DeviceKind::cpu;
        uint64_t lanes = e.outer * std::max<uint64_t>(1, e.inner / 4) * (e.inner == 1 ? 64 : 1);
        uint64_t wanted = (cpu ? 2048 : 65536) / lanes, most = e.count / (e.inner == 1 ? 1024 : 32);
        uint64_t least = e.inner == 1 ? 1 : e.count / 32768 + 1;
        uint64_t splits = std::max(least, std::min(wanted, std::max<uint64_t>(most, 1)));
        uint64_t chunk = (e.count + splits - 1) / splits;
        if (e.inner == 1) chunk = (chunk + 3) / 4 * 4;
        return (e.count + chunk - 1) / chunk;
    }

    void launch_stage(Lowering& lowering, const Extents& e, const Operand& from, const Operand& to,
                      uint64_t splits, float scale) const {
        uint64_t chunk = (e.count + splits - 1) / splits, count = e.outer * splits;
        if (e.inner == 1) {
            using namespace kernels::reduce_rows;
            Unit unit = unit_of(from.dtype, e.count % 4 == 0);
            RowGroup group = row_group(lowering.caps(), count, chunk / width_of(unit));
            Launch stage =
                launch(variant<Variant>(unit, group.subgroup ? kUnits : 0), {.x = from, .y = to},
                       {.count = uint32_t(count),
                        .width = uint32_t(e.count / width_of(unit)),
                        .splits = uint32_t(splits),
                        .chunk = uint32_t((chunk + width_of(unit) - 1) / width_of(unit)),
                        .scale = scale},
                       {.local_x = group.local, .maximum = maximum_}, fold(lowering.caps(), count));
            stage.subgroup_size = group.required_size;
            return lowering.launch(std::move(stage));
        }
        using namespace kernels::reduce_columns;
        Unit unit = unit_of(from.dtype, e.inner % 4 == 0);
        uint64_t width = e.inner / width_of(unit);
        lowering.launch(launch(variant<Variant>(unit), {.x = from, .y = to},
                               {.count = uint32_t(count * width),
                                .rows = uint32_t(e.count),
                                .width = uint32_t(width),
                                .splits = uint32_t(splits),
                                .chunk = uint32_t(chunk),
                                .scale = scale},
                               {.local_x = 64, .maximum = maximum_},
                               fold(lowering.caps(), (count * width + 63) / 64)));
    }

    bool maximum_;
    float scale_;
};

Tensor reduce_run(const Tensor& x, Shape view, bool maximum, bool average) {
    Tensor v = reshape(x, view);
    int64_t along = view[2] == 1 ? view[1] : view[2];
    if (is_16_bit(v.dtype()) && along % 4) v = cast(v, DType::f32);
    float scale = average ? 1.0f / float(view[1]) : 1.0f;
    return compute(std::make_shared<ReduceOp>(maximum, scale), {v}, {view[0], 1, view[2]},
                   DType::f32);
}

// One ReduceOp a run of reduced axes that lie side by side, the last run first.
Tensor reduce(std::string_view op, const Tensor& x, const std::vector<int>& axes, bool maximum,
              bool average) {
    require_float(op, x);
    std::vector<bool> reduced(size_t(x.rank()), false);
    for (int axis : axes) reduced[size_t(axis_of(op, x, axis))] = true;
    Tensor y = x;
    Shape shape = x.shape();
    for (int end = x.rank(); end > 0; end--) {
        if (!reduced[size_t(end) - 1]) continue;
        int begin = end - 1;
        while (begin > 0 && reduced[size_t(begin) - 1]) begin--;
        Shape view{1, 1, 1};
        for (int i = 0; i < x.rank(); i++) view[i < begin ? 0 : i < end ? 1 : 2] *= shape[i];
        if (view[1] > 1) y = reduce_run(y, view, maximum, average);
        for (int i = begin; i < end; i++) shape[i] = 1;
        end = begin + 1;
    }
    return cast(reshape(y, shape), x.dtype());
}

}   // namespace

Tensor sum(const Tensor& x, const std::vector<int>& axes) {
    return reduce("sum", x, axes, false, false);
}
Tensor mean(const Tensor& x, const std::vector<int>& axes) {
    return reduce("mean", x, axes, false, true);
}
Tensor max(const Tensor& x, const std::vector<int>& axes) {
    return reduce("max", x, axes, true, false);
}

}   // namespace kiln
