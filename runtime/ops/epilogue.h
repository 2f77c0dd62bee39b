// What a matrix product or convolution does to its result before storing it, and how it takes in
// the operators that follow it. Within runtime/ops only.
#pragma once
#include <optional>

#include "runtime/ops/product.h"

namespace kiln {

// Inputs of an operator with an epilogue: x, weight, bias or empty, residual or empty. The result
// is activation(product + bias) + residual or, gated, the first half of the columns of product +
// bias times the activation of the second.
struct Epilogue {
    Activation activation = Activation::none;
    Product::Residual residual = Product::Residual::none;
    bool gated = false;
};

struct Absorption {
    Epilogue epilogue;
    std::vector<Tensor> inputs;
};

// The epilogue and inputs that compute `consumer_out` too; none when it is not of a kind that can
// be.
std::optional<Absorption> absorb_epilogue(const Epilogue& epilogue, const Node& self,
                                          const Tensor& self_out, const Node& consumer,
                                          const Tensor& consumer_out);

// The epilogue as operators of their own over the bare product.
Tensor compose_epilogue(const Epilogue& epilogue, const Tensor& product, const Node& node);
Tensor apply(Activation activation, const Tensor& x);

// Bias, residual and activation of a lowered product.
void set_epilogue(Lowering& lowering, Product& product, const Epilogue& epilogue, const Node& node);

// Throws ModelError unless x and w have storage that kernels read and bias fits `columns`. A w of
// two axes may be quantised.
void check_operands(std::string_view op, const Tensor& x, const Tensor& w, const Tensor& bias,
                    int64_t columns);

}   // namespace kiln
