#include "runtime/nn/layers.h"

#include "runtime/ops/epilogue.h"

namespace kiln {
namespace {

// Applies `f` to every part of a weight; the results lie side by side in the last axis.
template <class F>
Tensor side_by_side(const std::vector<Tensor>& parts, F f) {
    std::vector<Tensor> results;
    for (const Tensor& part : parts) results.push_back(f(part));
    return concat(results, results[0].rank() - 1);
}

ConvOptions same_padding(int axes, int kernel, int stride, int dilation) {
    const int reach = dilation * (kernel - 1);
    const auto all = [axes](int value) { return std::vector<int>(size_t(axes), value); };
    return {.stride = all(stride),
            .pad_before = all(reach / 2),
            .pad_after = all(reach - reach / 2),
            .dilation = all(dilation)};
}

}   // namespace

Linear::Linear(Scope s, int in, int out, bool has_bias)
    : weight(s.weights->matrix(s.child("weight"), in, out)) {
    if (has_bias) bias = s.weights->vector(s.child("bias"), out);
}

Tensor Linear::operator()(const Tensor& x, Activation activation) const {
    if (weight.size() == 1) return linear(x, weight[0], bias, activation);
    Tensor y = side_by_side(weight, [&](const Tensor& w) { return linear(x, w); });
    return apply(activation, bias ? y + bias : y);
}

Linears::Linears(const std::vector<Scope>& scopes, int in, int out, bool has_bias)
    : count(int(scopes.size())) {
    Weights& weights = *scopes[0].weights;
    std::vector<std::string> matrices, vectors;
    for (const Scope& s : scopes) {
        matrices.push_back(s.child("weight"));
        vectors.push_back(s.child("bias"));
    }
    if (const Tensor joined = weights.joined_matrix(matrices, in, out))
        layers.emplace_back(joined, has_bias ? weights.joined_vector(vectors, out) : Tensor());
    else
        for (const Scope& s : scopes) layers.emplace_back(s, in, out, has_bias);
}

std::vector<Tensor> Linears::operator()(const Tensor& x) const {
    if (layers.size() == 1) return split(layers[0](x), count);
    std::vector<Tensor> results;
    for (const Linear& layer : layers) results.push_back(layer(x));
    return results;
}

Conv::Conv(Scope s, int in, int out, std::vector<int64_t> kernel, ConvOptions o, bool has_bias)
    : weight(s.weights->matrix(s.child("weight"), in / o.groups, out, kernel)),
      options(std::move(o)) {
    if (has_bias) bias = s.weights->vector(s.child("bias"), out);
    if (weight.size() > 1 && options.groups > 1)
        throw ModelError("[conv] a grouped weight exceeds a binding (" + s.path + ")");
}

Tensor Conv::operator()(const Tensor& x) const {
    if (weight.size() == 1) return conv(x, weight[0], bias, options);
    Tensor y = side_by_side(weight, [&](const Tensor& w) { return conv(x, w, {}, options); });
    return bias ? y + bias : y;
}

Conv1d::Conv1d(Scope s, int in, int out, int kernel, int stride, int dilation, bool has_bias)
    : Conv(s, in, out, {kernel}, same_padding(1, kernel, stride, dilation), has_bias) {}

ConvTranspose1d::ConvTranspose1d(Scope s, int in, int out, int kernel, int stride, int pad,
                                 int output_padding, bool has_bias)
    : weight(s.weights->transposed_kernel(s.child("weight"), in, out, kernel)),
      options{.stride = {stride},
              .pad_before = {pad},
              .pad_after = {pad},
              .output_padding = {output_padding}} {
    if (has_bias) bias = s.weights->vector(s.child("bias"), out);
}

Tensor ConvTranspose1d::operator()(const Tensor& x) const {
    if (weight.size() == 1) return conv_transpose(x, weight[0], bias, options);
    Tensor y =
        side_by_side(weight, [&](const Tensor& w) { return conv_transpose(x, w, {}, options); });
    return bias ? y + bias : y;
}

Conv2d::Conv2d(Scope s, int in, int out, int kernel, int stride)
    : Conv(s, in, out, {kernel, kernel}, same_padding(2, kernel, stride, 1)) {}

Conv2d::Conv2d(Scope s, int in, int out, int kernel, int stride, int pad_before, int pad_after)
    : Conv(s, in, out, {kernel, kernel},
           {.stride = {stride, stride},
            .pad_before = {pad_before, pad_before},
            .pad_after = {pad_after, pad_after}}) {}

GroupNorm::GroupNorm(Scope s, int groups, int channels, float eps)
    : weight(s.weights->vector(s.child("weight"), channels)),
      bias(s.weights->vector(s.child("bias"), channels)),
      groups(groups),
      eps(eps) {}

LayerNorm::LayerNorm(Scope s, int channels, float eps)
    : weight(s.weights->vector(s.child("weight"), channels)),
      bias(s.weights->vector(s.child("bias"), channels)),
      eps(eps) {}

RmsNorm::RmsNorm(Scope s, int channels, float eps)
    : weight(s.weights->vector(s.child("weight"), channels)), eps(eps) {}

Embedding::Embedding(Scope s, int rows, int columns)
    : table(s.weights->table(s.child("weight"), rows, columns)) {}

Tensor Embedding::operator()(const Tensor& indices) const {
    if (table.size() == 1) return gather(table[0], indices);
    return side_by_side(table, [&](const Tensor& part) { return gather(part, indices); });
}

}   // namespace kiln
