#include "runtime/ops/pointwise.h"

#include <cmath>
#include <numbers>

#include "kernels/pointwise.h"
#include "runtime/ops/checks.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

// By the values in shaders/ops/pointwise.comp; the first ones are those of Activation.
enum class Unary : uint8_t {
    none,
    silu,
    gelu,
    gelu_tanh,
    quick_gelu,
    relu,
    tanh,
    sigmoid,
    leaky_relu,
    erf,
    exp,
    log,
    sqrt,
    rsqrt,
    sin,
    cos,
    abs,
    square,
    reciprocal,
    clamp,
    affine,
    step
};

constexpr std::string_view kNames[] = {
    "none",       "silu",   "gelu",       "gelu_tanh", "quick_gelu", "relu",  "tanh", "sigmoid",
    "leaky_relu", "erf",    "exp",        "log",       "sqrt",       "rsqrt", "sin",  "cos",
    "abs",        "square", "reciprocal", "clamp",     "affine",     "step"};

Tensor one_minus(const Tensor& x) { return affine(x, -1, 1); }

Tensor gelu_slope(const Tensor& x) {
    Tensor cdf = affine(erf(x * float(1 / std::numbers::sqrt2)), 0.5f, 0.5f);
    return cdf +
           x * exp(square(x) * -0.5f) * float(0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2);
}

Tensor gelu_tanh_slope(const Tensor& v) {
    constexpr float k = 0.797884561f, cubic = 0.044715f;
    Tensor x = clamp(v, -30, 30), t = tanh(x * affine(square(x), k * cubic, k));
    Tensor inner = x * one_minus(square(t)) * affine(square(x), 1.5f * k * cubic, 0.5f * k);
    return affine(t, 0.5f, 0.5f) + inner;
}

Tensor quick_gelu_slope(const Tensor& x) {
    Tensor s = sigmoid(x * 1.702f);
    return s + x * s * one_minus(s) * 1.702f;
}

class PointwiseOp : public Op {
public:
    PointwiseOp(Unary function, float a, float b) : function_(function), a_(a), b_(b) {}
    std::string_view name() const override { return kNames[int(function_)]; }
    Unary function() const { return function_; }
    float a() const { return a_; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::pointwise;
        Operand x = lowering.operand(node.inputs[0]), y = lowering.operand(out);
        uint64_t fours = (uint64_t(out.shape().count()) + 3) / 4, bytes = 4 * size_of(out.dtype());
        bool padded = x.size >= fours * bytes && y.size >= fours * bytes;
        Unit unit = unit_of(out.dtype(), padded);
        uint64_t units = padded ? fours : uint64_t(out.shape().count());
        Reach reach{bytes_of(unit), bytes_of(unit)};
        // Windows begin where any device lets a binding begin.
        for (Band band : bands(lowering.caps(), (units + 255) / 256,
                               {{256 * reach.stride, 256 * reach.span}})) {
            uint64_t begin = band.begin * 256, end = std::min(band.end * 256, units);
            Window from = window(lowering.caps(), x, begin * reach.stride,
                                 (end - begin) * reach.stride, bytes_of(unit));
            Window to = window(lowering.caps(), y, begin * reach.stride,
                               (end - begin) * reach.stride, bytes_of(unit));
            Spread s = spread(lowering.caps(), end - begin);
            lowering.launch(
                launch(variant<Variant>(unit), {.x = from.operand, .y = to.operand},
                       {.count = uint32_t(end - begin), .chunk = s.chunk, .a = a_, .b = b_},
                       {.local_x = s.local, .op = uint32_t(function_)}, s.grid));
        }
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor& y, const Tensor& d) const override {
        if (function_ == Unary::step) return {Tensor()};
        return {slope(node.inputs[0], y, d)};
    }

private:
    // d times the derivative at x.
    Tensor slope(const Tensor& x, const Tensor& y, const Tensor& d) const {
        switch (function_) {
            case Unary::silu: {
                Tensor s = sigmoid(x);
                return d * (s + y * one_minus(s));
            }
            case Unary::gelu: return d * gelu_slope(x);
            case Unary::gelu_tanh: return d * gelu_tanh_slope(x);
            case Unary::quick_gelu: return d * quick_gelu_slope(x);
            case Unary::relu: return d * step(x);
            case Unary::leaky_relu: return d * affine(step(x), 1 - a_, a_);
            case Unary::tanh: return d * one_minus(square(y));
            case Unary::sigmoid: return d * y * one_minus(y);
            case Unary::erf:
                return d * exp(square(x) * -1.0f) * float(2 * std::numbers::inv_sqrtpi);
            case Unary::exp: return d * y;
            case Unary::log: return d / x;
            case Unary::sqrt: return d / y * 0.5f;
            case Unary::rsqrt: return d * y * square(y) * -0.5f;
            case Unary::sin: return d * cos(x);
            case Unary::cos: return d * sin(x) * -1.0f;
            case Unary::abs: return d * (step(x) - step(x * -1.0f));
            case Unary::square: return d * x * 2.0f;
            case Unary::reciprocal: return d * square(y) * -1.0f;
            case Unary::clamp: return d * step(affine(x, 1, -a_)) * step(affine(x, -1, b_));
            case Unary::affine: return d * a_;
            case Unary::none:
            case Unary::step: break;
        }
        return {};
    }

    Unary function_;
    float a_, b_;
};

Tensor pointwise(Unary function, const Tensor& x, float a = 0, float b = 0) {
    require_float(kNames[int(function)], x);
    return compute(std::make_shared<PointwiseOp>(function, a, b), {x}, x.shape(), x.dtype());
}

}   // namespace

std::optional<FusedActivation> activation_of(const Op& op) {
    auto* pointwise = dynamic_cast<const PointwiseOp*>(&op);
    if (!pointwise || pointwise->function() > Unary::leaky_relu) return {};
    return FusedActivation{Activation(pointwise->function()), pointwise->a()};
}

Tensor silu(const Tensor& x) { return pointwise(Unary::silu, x); }
Tensor gelu(const Tensor& x) { return pointwise(Unary::gelu, x); }
Tensor gelu_tanh(const Tensor& x) { return pointwise(Unary::gelu_tanh, x); }
Tensor quick_gelu(const Tensor& x) { return pointwise(Unary::quick_gelu, x); }
Tensor relu(const Tensor& x) { return pointwise(Unary::relu, x); }
Tensor leaky_relu(const Tensor& x, float slope) { return pointwise(Unary::leaky_relu, x, slope); }
Tensor tanh(const Tensor& x) { return pointwise(Unary::tanh, x); }
Tensor sigmoid(const Tensor& x) { return pointwise(Unary::sigmoid, x); }
Tensor erf(const Tensor& x) { return pointwise(Unary::erf, x); }
Tensor exp(const Tensor& x) { return pointwise(Unary::exp, x); }
Tensor log(const Tensor& x) { return pointwise(Unary::log, x); }
Tensor sqrt(const Tensor& x) { return pointwise(Unary::sqrt, x); }
Tensor rsqrt(const Tensor& x) { return pointwise(Unary::rsqrt, x); }
Tensor sin(const Tensor& x) { return pointwise(Unary::sin, x); }
Tensor cos(const Tensor& x) { return pointwise(Unary::cos, x); }
Tensor abs(const Tensor& x) { return pointwise(Unary::abs, x); }
Tensor square(const Tensor& x) { return pointwise(Unary::square, x); }
Tensor reciprocal(const Tensor& x) { return pointwise(Unary::reciprocal, x); }
Tensor clamp(const Tensor& x, float low, float high) {
    return pointwise(Unary::clamp, x, low, high);
}
Tensor affine(const Tensor& x, float scale, float shift) {
    return pointwise(Unary::affine, x, scale, shift);
}
Tensor step(const Tensor& x) { return pointwise(Unary::step, x); }

}   // namespace kiln
