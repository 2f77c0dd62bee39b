#include "runtime/ops/epilogue.h"

#include "runtime/ops/pointwise.h"

namespace kiln {
namespace {

// [n, 1, ..., 1, c] beside [n, ..., c]: one row for each image.
bool is_row_per_image(const Shape& row, const Shape& image) {
    if (row.rank() != image.rank() || image.rank() < 2) return false;
    for (int i = 1; i + 1 < row.rank(); i++)
        if (row[i] != 1) return false;
    return row[0] == image[0] && row[-1] == image[-1];
}

std::optional<Absorption> absorb_add(const Epilogue& epilogue, const Node& self,
                                     const Tensor& self_out, const Node& consumer) {
    bool first = consumer.inputs[0].id() == self_out.id();
    const Tensor& other = consumer.inputs[first ? 1 : 0];
    if (other.id() == self_out.id() || epilogue.residual != Product::Residual::none) return {};
    if (other.dtype() != self_out.dtype()) return {};
    Absorption absorbed{epilogue, self.inputs};
    if (other.shape() == self_out.shape())
        absorbed.epilogue.residual = Product::Residual::same;
    else if (is_row_per_image(other.shape(), self_out.shape()))
        absorbed.epilogue.residual = Product::Residual::image;
    else
        return {};
    absorbed.inputs[3] = other;
    return absorbed;
}

}   // namespace

std::optional<Absorption> absorb_epilogue(const Epilogue& epilogue, const Node& self,
                                          const Tensor& self_out, const Node& consumer,
                                          const Tensor& consumer_out) {
    if (consumer_out.shape() != self_out.shape() || consumer_out.dtype() != self_out.dtype())
        return {};
    if (is_add(*consumer.op)) return absorb_add(epilogue, self, self_out, consumer);
    std::optional<FusedActivation> activation = activation_of(*consumer.op);
    if (!activation || epilogue.activation != Activation::none) return {};
    if (epilogue.residual != Product::Residual::none) return {};
    if (activation->activation == Activation::leaky_relu && activation->slope != 0.01f) return {};
    return Absorption{{activation->activation, epilogue.residual}, self.inputs};
}

Tensor apply(Activation activation, const Tensor& x) {
    switch (activation) {
        case Activation::none: return x;
        case Activation::silu: return silu(x);
        case Activation::gelu: return gelu(x);
        case Activation::gelu_tanh: return gelu_tanh(x);
        case Activation::quick_gelu: return quick_gelu(x);
        case Activation::relu: return relu(x);
        case Activation::tanh: return tanh(x);
        case Activation::sigmoid: return sigmoid(x);
        case Activation::leaky_relu: return leaky_relu(x, 0.01f);
    }
    return x;
}

Tensor compose_epilogue(const Epilogue& epilogue, const Tensor& product, const Node& node) {
    Tensor y = product;
    if (node.inputs[2]) y = add(y, cast(node.inputs[2], y.dtype()));
    y = apply(epilogue.activation, y);
    return node.inputs[3] ? add(y, node.inputs[3]) : y;
}

void set_epilogue(Lowering& lowering, Product& product, const Epilogue& epilogue,
                  const Node& node) {
    product.activation = epilogue.activation;
    product.residual_kind = epilogue.residual;
    product.gated = epilogue.gated;
    if (node.inputs[2]) product.bias = lowering.operand(node.inputs[2]);
    if (node.inputs[3]) product.residual = lowering.operand(node.inputs[3]);
}

void check_operands(std::string_view op, const Tensor& x, const Tensor& w, const Tensor& bias,
                    int64_t columns) {
    const bool quantised = w.rank() == 2 && can_quantise(w.dtype(), w[0], w[1]);
    for (const Tensor& t : {x, quantised ? Tensor() : w, bias}) {
        if (!t) continue;
        if (t.dtype() != DType::f32 && !is_16_bit(t.dtype()))
            model_error(op, "operands are f32, f16 or bf16", {x, w, bias});
    }
    if (bias && bias.shape() != Shape{columns})
        model_error(op, "a bias has one value a column", {x, w, bias});
}

}   // namespace kiln
