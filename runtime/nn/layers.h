// The layers that models are made of. Each takes the Scope that holds its tensors, names them as
// PyTorch does, and is called with tensors. Tensors are channels-last: [n, ..., c].
#pragma once
#include <vector>

#include "runtime/nn/weights.h"
#include "runtime/ops/ops.h"

namespace kiln {

// x in another storage type; x itself when it already is.
inline Tensor as(const Tensor& x, DType dtype) { return x.dtype() == dtype ? x : cast(x, dtype); }

// x [..., in] -> [..., out]. A 1x1 convolution in the file is a linear layer here.
struct Linear {
    std::vector<Tensor> weight;
    Tensor bias;

    Linear(Scope s, int in, int out, bool has_bias = true);
    Linear(Tensor weight, Tensor bias) : weight{std::move(weight)}, bias(std::move(bias)) {}
    Tensor operator()(const Tensor& x, Activation activation = Activation::none) const;
};

// Several linear layers [in] -> [out] over the same x, as one product where their weights can lie
// side by side. Attention reads the results where they are: nothing is copied apart.
struct Linears {
    std::vector<Linear> layers;   // one that holds all, or each
    int count;

    Linears(const std::vector<Scope>& scopes, int in, int out, bool has_bias = true);
    std::vector<Tensor> operator()(const Tensor& x) const;   // one a scope
};

// Padding as given, before and after each spatial axis; by default such that an odd kernel with
// stride 1 keeps the size.
struct Conv {
    std::vector<Tensor> weight;
    Tensor bias;
    ConvOptions options;

    Conv(Scope s, int in, int out, std::vector<int64_t> kernel, ConvOptions options,
         bool has_bias = true);
    Tensor operator()(const Tensor& x) const;
};

struct Conv1d : Conv {
    Conv1d(Scope s, int in, int out, int kernel, int stride = 1, int dilation = 1,
           bool has_bias = true);
};

// x [n, t, in] -> [n, (t - 1) * stride - 2 * pad + kernel + output_padding, out].
struct ConvTranspose1d {
    std::vector<Tensor> weight;
    Tensor bias;
    ConvTransposeOptions options;

    ConvTranspose1d(Scope s, int in, int out, int kernel, int stride, int pad,
                    int output_padding = 0, bool has_bias = true);
    Tensor operator()(const Tensor& x) const;
};

struct Conv2d : Conv {
    Conv2d(Scope s, int in, int out, int kernel, int stride = 1);
    // The same number of zeros before both axes, and another after them.
    Conv2d(Scope s, int in, int out, int kernel, int stride, int pad_before, int pad_after);
};

struct GroupNorm {
    Tensor weight, bias;
    int groups;
    float eps;

    GroupNorm(Scope s, int groups, int channels, float eps);
    Tensor operator()(const Tensor& x) const { return group_norm(x, groups, weight, bias, eps); }
};

struct LayerNorm {
    Tensor weight, bias;
    float eps;

    LayerNorm(Scope s, int channels, float eps = 1e-5f);
    Tensor operator()(const Tensor& x) const { return layer_norm(x, weight, bias, eps); }
};

struct RmsNorm {
    Tensor weight;
    float eps;

    RmsNorm(Scope s, int channels, float eps = 1e-6f);
    Tensor operator()(const Tensor& x) const { return rms_norm(x, weight, eps); }
};

// Indices (i32, any shape) -> [indices..., columns].
struct Embedding {
    std::vector<Tensor> table;

    Embedding(Scope s, int rows, int columns);
    Tensor operator()(const Tensor& indices) const;
};

}   // namespace kiln
