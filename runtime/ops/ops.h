// The catalogue of operators. Each is <op>.cpp here, <op>.comp in shaders/ops, <op>.cpp in
// tests/ops.
//
// Tensors are dense, row-major and channels-last ([n, h, w, c]). Arithmetic is f32 whatever the
// storage; the result has the dtype of the first input unless said. Shapes that do not fit throw
// ModelError naming the op, the shapes and the module path. Every operator of floats has a
// gradient.
#pragma once
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/tensor/tensor.h"

namespace kiln {

// ---- linear algebra ----------------------------------------------------------------------------

// What a matmul or convolution applies to each result before storing it.
enum class Activation : uint8_t {
    none,
    silu,
    gelu,
    gelu_tanh,
    quick_gelu,
    relu,
    tanh,
    sigmoid,
    leaky_relu
};

struct MatmulOptions {
    bool transpose_a = false, transpose_b = false;   // of the last two axes
};
// a [..., m, k] x b [..., k, n] -> [..., m, n]; leading axes broadcast.
Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options = {});

// x [..., k] times w [k, n] plus bias [n] (may be empty) -> [..., n].
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias = {},
              Activation activation = Activation::none);

// Convolution over 1 to 3 spatial axes; w is [kernel..., c_in / groups, c_out], bias [c_out] or
// empty. x [n, w, c] | [n, h, w, c] | [n, d, h, w, c]. One entry a spatial axis, in the order of
// the shape. Zero padding, given before and after each axis; it may be asymmetric.
struct ConvOptions {
    std::vector<int> stride, pad_before, pad_after, dilation;   // empty: 1, 0, 0, 1
    int groups = 1;
};
Tensor conv(const Tensor& x, const Tensor& w, const Tensor& bias = {},
            const ConvOptions& options = {});

// Transposed convolution over 1 or 2 spatial axes; w is [kernel..., c_in, c_out / groups]. The
// result has (in - 1) * stride - pad_before - pad_after + dilation * (kernel - 1) + 1 +
// output_padding per axis.
struct ConvTransposeOptions {
    std::vector<int> stride, pad_before, pad_after, dilation, output_padding;
    int groups = 1;
};
Tensor conv_transpose(const Tensor& x, const Tensor& w, const Tensor& bias = {},
                      const ConvTransposeOptions& options = {});

// softmax(q k^T scale + bias) v by heads. q [n, s, heads * d], k and v [n, t, heads * d] -> [n, s,
// heads * d]. bias is empty or [1 or n, 1 or heads, s, t]; scale 0 means 1 / sqrt(d); causal hides
// t > s. Vaswani et al. Attention Is All You Need. 2017; Dao et al. FlashAttention. 2022.
struct AttentionOptions {
    int heads = 1;
    float scale = 0;
    bool causal = false;
};
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                 const Tensor& bias = {});

// ---- normalization and softmax -----------------------------------------------------------------

// Over the last axis in `groups`, statistics over all axes but the first; weight and bias [c] or
// both empty. Wu and He. Group Normalization. 2018.
Tensor group_norm(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias, float eps);
// Over the last axis; weight and bias [c], each may be empty. Ba et al. Layer Normalization. 2016.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps);
// Zhang and Sennrich. Root Mean Square Layer Normalization. 2019.
Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps);
Tensor softmax(const Tensor& x);   // last axis

// ---- pointwise ---------------------------------------------------------------------------------

Tensor silu(const Tensor& x);
Tensor gelu(const Tensor& x);   // exact, by erf
Tensor gelu_tanh(const Tensor& x);
Tensor quick_gelu(const Tensor& x);   // x * sigmoid(1.702 x)
Tensor relu(const Tensor& x);
Tensor leaky_relu(const Tensor& x, float slope);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor erf(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor abs(const Tensor& x);
Tensor square(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor clamp(const Tensor& x, float low, float high);
Tensor affine(const Tensor& x, float scale, float shift);   // scale * x + shift
Tensor step(const Tensor& x);                               // 1 where x > 0, else 0; gradient zero

// Shapes broadcast as in numpy.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator*(const Tensor& a, float s) { return affine(a, s, 0); }
inline Tensor operator+(const Tensor& a, float s) { return affine(a, 1, s); }

// x [..., 2c], value first: value * gelu(gate) -> [..., c]. Shazeer. GLU Variants Improve
// Transformer. 2020.
Tensor geglu(const Tensor& x);

// x [..., c] + amplitude [c] * sin(frequency [c] * x)^2. Ziyin et al. Neural Networks Fail to Learn
// Periodic Functions and How to Fix It. 2020.
Tensor snake(const Tensor& x, const Tensor& frequency, const Tensor& amplitude);

// Rotary positions: the first 2h columns of each head of x [n, s, heads * d] turn as pairs (i, i +
// h) by angles whose cosines and sines are turns [s, 2, h]; the rest of a head stays. Su et al.
// RoFormer. 2021.
Tensor rotary_embedding(const Tensor& x, const Tensor& turns, int heads);

// ---- shape -------------------------------------------------------------------------------------

Tensor reshape(const Tensor& x, Shape shape);   // no work; one extent may be -1
Tensor permute(const Tensor& x, const std::vector<int>& order);
Tensor transpose(const Tensor& x);   // last two axes
Tensor concat(const std::vector<Tensor>& parts, int axis);
Tensor slice(const Tensor& x, int axis, int64_t begin, int64_t end, int64_t stride = 1);
std::vector<Tensor> split(const Tensor& x, int parts, int axis = -1);
enum class PadMode : uint8_t { zero, reflect };
Tensor pad(const Tensor& x, const std::vector<std::pair<int, int>>& amounts,
           PadMode mode = PadMode::zero);   // per axis
Tensor broadcast_to(const Tensor& x, Shape shape);
// Rows of table [rows, c] by indices (i32, any shape) -> [indices..., c] in f32. Out-of-range
// indices read row 0.
Tensor gather(const Tensor& table, const Tensor& indices);
// Sum of rows of x [n, c] into a table of `rows`, by indices [n]: the gradient of gather.
Tensor scatter_add(const Tensor& x, const Tensor& indices, int64_t rows);

// ---- spatial, [n, h, w, c] ---------------------------------------------------------------------

Tensor upsample_nearest(const Tensor& x, int64_t h, int64_t w);   // torch's floor(i * in / out)
Tensor upsample_bilinear(const Tensor& x, int64_t h, int64_t w, bool align_corners = false);
struct PoolOptions {
    std::array<int, 2> kernel{2, 2}, stride{2, 2}, pad{0, 0};
};
Tensor avg_pool(const Tensor& x, const PoolOptions& options);   // padding counts, as in torch
Tensor max_pool(const Tensor& x, const PoolOptions& options);

// ---- signals, [n, samples] ---------------------------------------------------------------------

// Short-time Fourier transforms: frame f of a signal is n_fft samples times a window, from sample
// f * hop on. With `center`, n_fft / 2 samples are added at either end, zeros or a mirror image, so
// that its middle lies at f * hop.
struct StftOptions {
    int n_fft = 1024;   // even
    int hop = 256;
    std::vector<float> window;   // at most n_fft long, in the middle of a frame; empty: Hann's
    bool center = true;
    PadMode pad = PadMode::reflect;
};
std::vector<float> hann_window(int length);   // periodic

// x [n, samples] -> f32 [n, frames, 2, bins]: real parts, then imaginary ones, of n_fft / 2 + 1
// bins. There are 1 + (samples + added - n_fft) / hop frames, as in torch. A fast transform in
// shared memory where n_fft is at most 2048 and has no factor above 7, which rounds least; else by
// matrix, n_fft at most 4096.
Tensor stft(const Tensor& x, const StftOptions& options);

// The signal whose spectra come closest: f32 [n, samples], by default (frames - 1) * hop of them,
// without `center` n_fft more. Samples that no window covers are zero. Griffin and Lim. Signal
// Estimation from Modified Short-Time Fourier Transform. 1984.
Tensor istft(const Tensor& x, const StftOptions& options, int64_t samples = 0);

// ---- reductions, keeping the reduced axes as 1 -------------------------------------------------

Tensor sum(const Tensor& x, const std::vector<int>& axes);
Tensor mean(const Tensor& x, const std::vector<int>& axes);
Tensor max(const Tensor& x, const std::vector<int>& axes);

// ---- sources and conversions -------------------------------------------------------------------

// Sinusoids of t [n] -> [n, dim]: frequencies max_period^(-i / (dim / 2 - shift)); cosines first
// when flip_sin_to_cos. t is fractional. Computed in f32 from a table of frequencies made on the
// host.
struct TimestepOptions {
    bool flip_sin_to_cos = true;
    float shift = 0, max_period = 10000, scale = 1;
};
Tensor timestep_embedding(const Tensor& t, int dim, const TimestepOptions& options = {});

// Standard normal values from Philox 4x32-10; seed_offset is an i32 tensor [3]: seed low, seed
// high, offset. Salmon et al. Parallel Random Numbers: As Easy as 1, 2, 3. 2011.
Tensor random_normal(Shape shape, const Tensor& seed_offset);

Tensor cast(const Tensor& x, DType dtype);   // among f32, f16, bf16, f8_e4m3, f8_e5m2; i32 to f32

}   // namespace kiln
