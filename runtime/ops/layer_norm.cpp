// Ba, Kiros, Hinton. Layer Normalization. 2016.
#include "kernels/layer_norm.h"

#include "runtime/ops/checks.h"
#include "runtime/ops/row_norm.h"
#include "runtime/ops/spread.h"

namespace kiln {

void launch_row_norm(Lowering& lowering, const RowNorm& norm, const Tensor& x, const Tensor& weight,
                     const Tensor& bias, const Tensor& out) {
    using namespace kernels::layer_norm;
    const Caps& caps = lowering.caps();
    Unit unit = unit_of(x.dtype(), x[-1] % 4 == 0);
    uint64_t width = uint64_t(x[-1]) / width_of(unit), rows = uint64_t(x.shape().count() / x[-1]);
    Operand from = lowering.operand(x), to = lowering.operand(out);
    uint64_t row = width * bytes_of(unit);
    for (Band band : bands(caps, rows, {{row, row}})) {
        uint64_t count = band.end - band.begin;
        Window in = window(caps, from, band.begin * row, count * row, bytes_of(unit));
        Window into = window(caps, to, band.begin * row, count * row, bytes_of(unit));
        RowGroup group = row_group(caps, count, width);
        Launch norm_rows = launch(variant<Variant>(unit, group.subgroup ? kUnits : 0),
                                  {.x = in.operand,
                                   .weight = weight ? lowering.operand(weight) : in.operand,
                                   .bias = bias ? lowering.operand(bias) : in.operand,
                                   .y = into.operand},
                                  {.rows = uint32_t(count),
                                   .width = uint32_t(width),
                                   .rows_each = group.rows_each,
                                   .base = in.base,
                                   .inverse = 1.0f / float(x[-1]),
                                   .eps = norm.eps},
                                  {.local_x = group.local,
                                   .centered = norm.centered,
                                   .weighted = bool(weight),
                                   .biased = bool(bias)},
                                  group.grid);
        norm_rows.subgroup_size = group.required_size;
        lowering.launch(std::move(norm_rows));
    }
}

void check_row_norm(std::string_view op, const Tensor& x, const Tensor& weight,
                    const Tensor& bias) {
    require_float(op, x);
    if (x.rank() < 1) model_error(op, "takes at least one axis", {x});
    for (const Tensor& t : {weight, bias})
        if (t && t.shape() != Shape{x[-1]})
            model_error(op, "weight and bias are [c] or absent", {x, weight, bias});
}

namespace {

class LayerNormOp : public Op {
public:
    explicit LayerNormOp(float eps) : eps_(eps) {}
    std::string_view name() const override { return "layer_norm"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        launch_row_norm(lowering, {true, eps_}, node.inputs[0], node.inputs[1], node.inputs[2],
                        out);
    }

    Tensor composition(const Node& node) const override {
        const Tensor& x = node.inputs[0];
        Tensor centred = x - mean(x, {-1});
        Tensor y = centred * rsqrt(mean(square(centred), {-1}) + eps_);
        if (node.inputs[1]) y = y * node.inputs[1];
        return node.inputs[2] ? y + node.inputs[2] : y;
    }

private:
    float eps_;
};

}   // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
    check_row_norm("layer_norm", x, weight, bias);
    if (odd_16_bit(x))
        return in_f32(x, [&](const Tensor& v) { return layer_norm(v, weight, bias, eps); });
    auto as_f32 = [](const Tensor& t) { return t ? cast(t, DType::f32) : t; };
    return compute(std::make_shared<LayerNormOp>(eps), {x, as_f32(weight), as_f32(bias)}, x.shape(),
                   x.dtype());
}

}   // namespace kiln
