#include "kernels/binary.h"

#include "runtime/ops/checks.h"
#include "runtime/ops/pointwise.h"
#include "runtime/ops/walk.h"

namespace kiln {
namespace {

enum class Binary : uint8_t {
    add,
    sub,
    mul,
    div,
    maximum,
    minimum
};   // as shaders/ops/binary.comp
constexpr std::string_view kNames[] = {"add", "sub", "mul", "div", "maximum", "minimum"};

// d summed over the axes that broadcasting added to `shape`.
Tensor unbroadcast(const Tensor& d, const Shape& shape) {
    std::vector<int> axes;
    for (int i = 0; i < d.rank(); i++) {
        int own = i - (d.rank() - shape.rank());
        if (own < 0 || shape[own] != d[i]) axes.push_back(i);
    }
    return reshape(axes.empty() ? d : sum(d, axes), shape);
}

class BinaryOp : public Op {
public:
    explicit BinaryOp(Binary function) : function_(function) {}
    std::string_view name() const override { return kNames[int(function_)]; }
    Binary function() const { return function_; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::binary;
        const Caps& caps = lowering.caps();
        const Tensor &a = node.inputs[0], &b = node.inputs[1];
        Operand operands[] = {lowering.operand(a), lowering.operand(b), lowering.operand(out)};
        Axes axes = merge(out.shape(),
                          {broadcast_strides(a.shape(), out.shape()),
                           broadcast_strides(b.shape(), out.shape()), dense_strides(out.shape())});
        bool fours = take_fours(axes, operands);
        Unit unit = unit_of(out.dtype(), fours);
        uint32_t width = width_of(unit);
        Walk whole(axes, width, 64);
        WalkOperand from_a(operands[0], axes, 0, width), from_b(operands[1], axes, 1, width),
            to(operands[2], axes, 2, width);
        std::vector<Reach> reach{from_a.reach(whole), from_b.reach(whole), to.reach(whole)};
        for (Band band : bands(caps, whole.extents[whole.dims - 1], reach)) {
            Walk walk = whole;
            walk.limit_outer(band.end - band.begin);
            Spread s = spread(caps, walk.count);
            Window wa = from_a.window(caps, whole, band), wb = from_b.window(caps, whole, band),
                   wy = to.window(caps, whole, band);
            lowering.launch(launch(variant<Variant>(unit),
                                   {.a = wa.operand, .b = wb.operand, .y = wy.operand},
                                   {.extents = walk.extents,
                                    .steps = walk.steps,
                                    .a_strides = from_a.strides,
                                    .b_strides = from_b.strides,
                                    .a_base = wa.base,
                                    .b_base = wb.base,
                                    .y_base = wy.base,
                                    .count = uint32_t(walk.count),
                                    .chunk = s.chunk},
                                   {.local_x = s.local,
                                    .op = uint32_t(function_),
                                    .dims = walk.dims,
                                    .a_splat = from_a.addressing == Addressing::splat,
                                    .b_splat = from_b.addressing == Addressing::splat},
                                   s.grid));
        }
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor& y, const Tensor& d) const override {
        const Tensor &a = node.inputs[0], &b = node.inputs[1];
        auto give = [&](const Tensor& da, const Tensor& db) {
            return std::vector<Tensor>{unbroadcast(da, a.shape()), unbroadcast(db, b.shape())};
        };
        switch (function_) {
            case Binary::add: return give(d, d);
            case Binary::sub: return give(d, d * -1.0f);
            case Binary::mul: return give(d * b, d * a);
            case Binary::div: return give(d / b, d * y / b * -1.0f);
            case Binary::maximum:
            case Binary::minimum: break;
        }
        // Where both are equal each takes half, as in torch.
        Tensor more = step(a - b), less = step(b - a);
        Tensor to_a = affine(more - less, 0.5f, 0.5f), to_b = affine(more - less, -0.5f, 0.5f);
        return function_ == Binary::maximum ? give(d * to_a, d * to_b) : give(d * to_b, d * to_a);
    }

private:
    // Whether kernels may go in four-vectors. Flat operands that all end in padding are rounded up.
    static bool take_fours(Axes& axes, const Operand (&operands)[3]) {
        bool flat = axes.extents.size() == 1, whole = true;
        for (size_t k = 0; k < 3; k++) {
            flat = flat && axes.strides[k][0] <= 1 && operands[k].size % 16 == 0;
            whole = whole && axes.strides[k][0] <= 1 && (axes.strides[k][0] == 0 || axes.fours(k));
            if (axes.strides[k][0] == 0) whole = whole && operands[k].size % 16 == 0;
        }
        if (flat) axes.extents[0] = (axes.extents[0] + 3) / 4 * 4;
        return whole && axes.extents[0] % 4 == 0;
    }

    Binary function_;
};

Shape broadcast_shape(Binary function, const Tensor& a, const Tensor& b) {
    const Shape &x = a.rank() >= b.rank() ? a.shape() : b.shape(),
                &y = a.rank() >= b.rank() ? b.shape() : a.shape();
    Shape shape = x;
    for (int i = 1; i <= y.rank(); i++) {
        if (x[-i] != y[-i] && x[-i] != 1 && y[-i] != 1)
            model_error(kNames[int(function)], "shapes do not broadcast", {a, b});
        shape[-i] = x[-i] == 1 ? y[-i] : x[-i];
    }
    return shape;
}

Tensor binary(Binary function, const Tensor& a, const Tensor& b) {
    require_float(kNames[int(function)], a);
    require_float(kNames[int(function)], b);
    Shape shape = broadcast_shape(function, a, b);
    auto apply = [&](const Tensor& x, const Tensor& y) {
        return compute(std::make_shared<BinaryOp>(function), {x, y}, shape, x.dtype());
    };
    if (is_16_bit(a.dtype()) &&
        (odd_16_bit(a) || odd_16_bit(b) || !in_fours(b.shape()) || !in_fours(shape)))
        return cast(apply(cast(a, DType::f32), cast(b, DType::f32)), a.dtype());
    return apply(a, cast(b, a.dtype()));
}

}   // namespace

bool is_add(const Op& op) {
    auto* binary = dynamic_cast<const BinaryOp*>(&op);
    return binary && binary->function() == Binary::add;
}

Tensor add(const Tensor& a, const Tensor& b) { return binary(Binary::add, a, b); }
Tensor sub(const Tensor& a, const Tensor& b) { return binary(Binary::sub, a, b); }
Tensor mul(const Tensor& a, const Tensor& b) { return binary(Binary::mul, a, b); }
Tensor div(const Tensor& a, const Tensor& b) { return binary(Binary::div, a, b); }
Tensor maximum(const Tensor& a, const Tensor& b) { return binary(Binary::maximum, a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return binary(Binary::minimum, a, b); }

}   // namespace kiln
