#include <algorithm>

#include "runtime/ops/checks.h"
#include "runtime/ops/epilogue.h"
#include "runtime/ops/geglu.h"
#include "runtime/ops/product_quantised.h"

namespace kiln {
namespace {

// The leading axes of a product as at most two nested loops, with each operand's stride in
// matrices.
struct Batch {
    struct Loop {
        int64_t extent, a, b;
    };
    std::vector<Loop> loops;   // outermost first, merged where both operands allow
};

int64_t extent_at(const Shape& shape, int from_last) {
    int axis = shape.rank() - 1 - from_last;
    return axis < 0 ? 1 : shape[axis];
}

Batch batch_of(const Shape& a, const Shape& b) {
    std::vector<Batch::Loop> loops;   // innermost first
    int64_t stride_a = 1, stride_b = 1;
    for (int axis = 2; axis < std::max(a.rank(), b.rank()); axis++) {
        int64_t in_a = extent_at(a, axis), in_b = extent_at(b, axis), extent = std::max(in_a, in_b);
        Batch::Loop loop{extent, in_a == 1 ? 0 : stride_a, in_b == 1 ? 0 : stride_b};
        stride_a *= in_a;
        stride_b *= in_b;
        if (extent == 1) continue;
        Batch::Loop* last = loops.empty() ? nullptr : &loops.back();
        if (last && loop.a == last->a * last->extent && loop.b == last->b * last->extent)
            last->extent *= extent;
        else
            loops.push_back(loop);
    }
    std::reverse(loops.begin(), loops.end());
    return {loops};
}

Shape leading(const Shape& a, const Shape& b) {
    Shape shape;
    for (int axis = std::max(a.rank(), b.rank()) - 1; axis >= 2; axis--)
        shape.dims.push_back(std::max(extent_at(a, axis), extent_at(b, axis)));
    return shape;
}

Shape with_matrix(Shape leading, int64_t rows, int64_t columns) {
    leading.dims.push_back(rows);
    leading.dims.push_back(columns);
    return leading;
}

// A gradient summed over the axes along which its operand was broadcast.
Tensor reduced_to(const Tensor& gradient, const Tensor& operand) {
    std::vector<int> axes;
    for (int i = 0; i < gradient.rank(); i++)
        if (extent_at(operand.shape(), gradient.rank() - 1 - i) != gradient[i]) axes.push_back(i);
    Tensor sum_of = axes.empty() ? gradient : sum(gradient, axes);
    return cast(reshape(sum_of, operand.shape()), operand.dtype());
}

class MatmulOp : public Op {
public:
    MatmulOp(bool transposed, Epilogue epilogue) : transposed_(transposed), epilogue_(epilogue) {}

    std::string_view name() const override { return "matmul"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        const Tensor &a = node.inputs[0], &b = node.inputs[1];
        int64_t m = out.rank() > 1 ? out[-2] : 1, k = a[-1], n = out[-1];
        int64_t n_b = epilogue_.gated ? 2 * n : n;
        Product p{.b = lowering.operand(b),
                  .d = lowering.operand(out),
                  .map = line_of(m),
                  .columns = n,
                  .channels = k,
                  .pitch_a = k,
                  .pitch_b = transposed_ ? k : n_b,
                  .pitch_d = n,
                  .alpha = b.value().scale,
                  .transposed = transposed_};
        std::vector<Batch::Loop> loops = batch_of(a.shape(), b.shape()).loops;
        if (b.shape().count() == k * n_b) {   // one matrix for all rows
            p.map = line_of(out.shape().count() / n);
            if (epilogue_.residual == Product::Residual::image) {
                p.map = line_of(out.shape().count() / n / out[0]);
                p.map.images = out[0];
            }
        } else {
            Batch::Loop inner = loops.back(),
                        outer = loops.size() > 1 ? loops[0] : Batch::Loop{1, 0, 0};
            p.outer = outer.extent, p.outer_a = outer.a * m * k, p.outer_b = outer.b * k * n;
            p.inner = inner.extent, p.inner_a = inner.a * m * k, p.inner_b = inner.b * k * n;
            p.inner_d = m * n, p.outer_d = inner.extent * m * n;
        }
        set_epilogue(lowering, p, epilogue_, node);
        set_source(lowering, p, a);
        if (p.gated) return launch_gated_product(lowering, p, name());
        if (is_quantised(b.dtype())) return launch_quantised_product(lowering, p, name());
        launch_any_product(lowering, p, name());
    }

    Tensor composition(const Node& node) const override {
        if (!has_epilogue(node)) return {};
        Tensor product = matmul(node.inputs[0], node.inputs[1], {.transpose_b = transposed_});
        if (!epilogue_.gated) return compose_epilogue(epilogue_, product, node);
        return geglu(compose_epilogue({}, product, node));
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor& out,
                            const Tensor& d_out) const override {
        if (has_epilogue(node)) return Op::vjp(node, out, d_out);
        Tensor a = node.inputs[0], b = node.inputs[1], d = d_out;
        if (b.rank() == 2) {
            a = reshape(a, {-1, a[-1]});
            d = reshape(d, {-1, d[-1]});
        }
        Tensor d_a = matmul(d, b, {.transpose_b = !transposed_});
        Tensor d_b =
            transposed_ ? matmul(d, a, {.transpose_a = true}) : matmul(a, d, {.transpose_a = true});
        if (b.rank() == 2)
            return {reshape(d_a, node.inputs[0].shape()),
                    is_quantised(b.dtype()) ? Tensor() : cast(d_b, b.dtype()),
                    {},
                    {}};
        return {reduced_to(d_a, a), reduced_to(d_b, b), {}, {}};
    }

    std::shared_ptr<const Node> absorb(const Node& self, const Tensor& self_out,
                                       const Node& consumer,
                                       const Tensor& consumer_out) const override {
        if (self.inputs[1].shape().count() != self.inputs[1][-1] * self.inputs[1][-2])
            return nullptr;
        if (epilogue_.gated) return nullptr;
        if (is_geglu(*consumer.op)) return absorb_gate(self, self_out);
        auto absorbed = absorb_epilogue(epilogue_, self, self_out, consumer, consumer_out);
        if (!absorbed) return nullptr;
        return std::make_shared<Node>(
            Node{std::make_shared<MatmulOp>(transposed_, absorbed->epilogue), absorbed->inputs});
    }

private:
    std::shared_ptr<const Node> absorb_gate(const Node& self, const Tensor& self_out) const {
        bool plain = !transposed_ && epilogue_.activation == Activation::none && !self.inputs[3];
        if (!plain || self_out[-1] % 8 || self.inputs[0][-1] % 4) return nullptr;
        const Epilogue gate{Activation::gelu, Product::Residual::none, true};
        return std::make_shared<Node>(
            Node{std::make_shared<MatmulOp>(transposed_, gate), self.inputs});
    }

    bool has_epilogue(const Node& node) const {
        return epilogue_.activation != Activation::none || node.inputs[2] || node.inputs[3];
    }

    bool transposed_;
    Epilogue epilogue_;
};

// What product kernels take only through f32: rows in 16 bits that are not whole fours.
bool odd(const Tensor& a, int64_t columns) {
    return is_16_bit(a.dtype()) && (columns % 4 || (a.dtype() == DType::bf16 && a[-1] % 4));
}
bool odd_weight(const Tensor& b) {
    return (b.dtype() == DType::f16 && b.shape().count() % 2) ||
           (b.dtype() == DType::bf16 && (b[-1] % 4 || b[-2] % 4));
}

}   // namespace

Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options) {
    if (a.rank() < 2 || b.rank() < 2) model_error("matmul", "operands are matrices", {a, b});
    if (options.transpose_a) return matmul(transpose(a), b, {.transpose_b = options.transpose_b});
    int64_t k = options.transpose_b ? b[-1] : b[-2], n = options.transpose_b ? b[-2] : b[-1];
    if (a[-1] != k) model_error("matmul", "the inner extents differ", {a, b});
    for (int axis = 2; axis < std::max(a.rank(), b.rank()); axis++) {
        int64_t in_a = extent_at(a.shape(), axis), in_b = extent_at(b.shape(), axis);
        if (in_a != in_b && in_a != 1 && in_b != 1)
            model_error("matmul", "the leading axes do not broadcast", {a, b});
    }
    check_operands("matmul", a, b, {}, n);
    if (is_quantised(b.dtype()) && options.transpose_b)
        return matmul(a, cast(b, DType::f32), options);
    if (odd(a, n)) return in_f32(a, [&](const Tensor& x) { return matmul(x, b, options); });
    if (odd_weight(b)) return matmul(a, cast(b, DType::f32), options);
    Shape batch = leading(a.shape(), b.shape());
    bool one_b = b.shape().count() == k * n && a.shape().count() == batch.count() * a[-2] * k;
    if (!one_b && batch_of(a.shape(), b.shape()).loops.size() > 2)
        return matmul(broadcast_to(a, with_matrix(batch, a[-2], a[-1])),
                      broadcast_to(b, with_matrix(batch, b[-2], b[-1])), options);
    return compute(std::make_shared<MatmulOp>(options.transpose_b, Epilogue{}), {a, b, {}, {}},
                   with_matrix(batch, a[-2], n), a.dtype());
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, Activation activation) {
    if (w.rank() != 2 || x.rank() < 1 || x[-1] != w[0])
        model_error("linear", "x [..., k] and w [k, n] do not fit", {x, w});
    check_operands("linear", x, w, bias, w[1]);
    if (odd(x, w[1]))
        return in_f32(x, [&](const Tensor& y) { return linear(y, w, bias, activation); });
    if (odd_weight(w)) return linear(x, cast(w, DType::f32), bias, activation);
    if (bias && bias.dtype() == DType::bf16)
        return linear(x, w, cast(bias, DType::f32), activation);
    Shape shape = x.shape();
    shape[-1] = w[1];
    return compute(std::make_shared<MatmulOp>(false, Epilogue{activation, Product::Residual::none}),
                   {x, w, bias, {}}, shape, x.dtype());
}

}   // namespace kiln
