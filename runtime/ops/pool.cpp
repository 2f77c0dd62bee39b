#include "kernels/pool.h"

#include "kernels/pool_grad.h"
#include "runtime/ops/checks.h"
#include "runtime/ops/walk.h"

namespace kiln {
namespace {

template <class Args>
void set_windows(Args& args, const PoolOptions& o) {
    for (size_t i = 0; i < 2; i++)
        args.kernel[i] = o.kernel[i], args.stride[i] = o.stride[i], args.pad[i] = o.pad[i];
}

// Walks [n, h, w, c] in units of `width` channels.
template <class Args>
Spread set_walk(Args& args, const Caps& caps, const Shape& shape, uint32_t width) {
    args.extents = {uint32_t(shape[3]) / width, uint32_t(shape[2]), uint32_t(shape[1]),
                    uint32_t(shape[0])};
    args.steps = walk_steps(args.extents);
    args.count = uint32_t(shape.count()) / width;
    Spread s = spread(caps, args.count);
    args.chunk = s.chunk;
    return s;
}

// Inputs: the output's gradient and, for the maximum, x.
class PoolGradOp : public Op {
public:
    PoolGradOp(bool maximum, PoolOptions options) : maximum_(maximum), options_(options) {}
    std::string_view name() const override { return maximum_ ? "max_pool_grad" : "avg_pool_grad"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::pool_grad;
        const Tensor& d = node.inputs[0];
        Args args{.out_size = {int32_t(d[1]), int32_t(d[2])}};
        set_windows(args, options_);
        Spread s = set_walk(args, lowering.caps(), out.shape(), 1);
        Operand grad = lowering.operand(d);
        lowering.launch(launch(Variant::main,
                               {.x = maximum_ ? lowering.operand(node.inputs[1]) : grad,
                                .d = grad,
                                .dx = lowering.operand(out)},
                               args, {.local_x = s.local, .maximum = maximum_}, s.grid));
    }

    // Of the mean only: the maximum is taken as locally fixed, and d's own gradient is not needed.
    std::vector<Tensor> vjp(const Node& node, const Tensor&, const Tensor& d) const override {
        if (maximum_) model_error(name(), "has no gradient", {node.inputs[0]});
        return {avg_pool(d, options_)};
    }

private:
    bool maximum_;
    PoolOptions options_;
};

class PoolOp : public Op {
public:
    PoolOp(bool maximum, PoolOptions options) : maximum_(maximum), options_(options) {}
    std::string_view name() const override { return maximum_ ? "max_pool" : "avg_pool"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::pool;
        const Tensor& x = node.inputs[0];
        Unit unit = unit_of(out.dtype(), out[-1] % 4 == 0);
        Args args{.in_size = {int32_t(x[1]), int32_t(x[2])}};
        set_windows(args, options_);
        Spread s = set_walk(args, lowering.caps(), out.shape(), width_of(unit));
        lowering.launch(launch(variant<Variant>(unit),
                               {.x = lowering.operand(x), .y = lowering.operand(out)}, args,
                               {.local_x = s.local, .maximum = maximum_}, s.grid));
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor&, const Tensor& d) const override {
        const Tensor& x = node.inputs[0];
        std::vector<Tensor> inputs{cast(d, DType::f32)};
        if (maximum_) inputs.push_back(cast(x, DType::f32));
        auto op = std::make_shared<PoolGradOp>(maximum_, options_);
        return {cast(compute(op, inputs, x.shape(), DType::f32), x.dtype())};
    }

private:
    bool maximum_;
    PoolOptions options_;
};

Tensor pool(const char* op, bool maximum, const Tensor& x, const PoolOptions& o) {
    require_float(op, x);
    if (x.rank() != 4) model_error(op, "takes [n, h, w, c]", {x});
    Shape shape = x.shape();
    for (int i = 0; i < 2; i++) {
        size_t k = size_t(i);
        if (o.kernel[k] < 1 || o.stride[k] < 1 || o.pad[k] < 0 || 2 * o.pad[k] > o.kernel[k] ||
            x[i + 1] + 2 * o.pad[k] < o.kernel[k])
            model_error(op, "the window does not fit", {x});
        shape[i + 1] = (x[i + 1] + 2 * o.pad[k] - o.kernel[k]) / o.stride[k] + 1;
    }
    if (odd_16_bit(x)) return in_f32(x, [&](const Tensor& v) { return pool(op, maximum, v, o); });
    return compute(std::make_shared<PoolOp>(maximum, o), {x}, shape, x.dtype());
}

}   // namespace

Tensor avg_pool(const Tensor& x, const PoolOptions& options) {
    return pool("avg_pool", false, x, options);
}
Tensor max_pool(const Tensor& x, const PoolOptions& options) {
    return pool("max_pool", true, x, options);
}

}   // namespace kiln
