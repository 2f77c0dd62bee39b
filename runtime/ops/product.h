// Launches of the matrix product kernels, which matmul, convolutions and attention share. Within
// runtime/ops only. shaders/lib/product.glsl says what is computed.
#pragma once
#include <array>

#include "runtime/graph/node.h"
#include "runtime/ops/ops.h"

namespace kiln {

// The map from rows of the product to pixels of A, over depth, height and width.
struct PixelMap {
    std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1}, taps{1, 1, 1}, pad{0, 0, 0};
    std::array<int, 3> stride{1, 1, 1}, dilation{1, 1, 1}, up{1, 1, 1};
    int64_t images = 1;

    int64_t tap_count() const { return taps[0] * taps[1] * taps[2]; }
    int64_t pixels() const { return out[0] * out[1] * out[2]; }   // of one image
};

// The map of a plain product: `rows` pixels in a line, one tap.
PixelMap line_of(int64_t rows);

// A product over a batch of `outer` x `inner` matrices. Everything counts elements. A is dense
// pixels of `channels`; B is [taps * channels, columns], or [columns, channels] when transposed.
struct Product {
    enum class Residual : uint8_t { none, same, image };

    Operand a, b, d;
    Operand bias, residual;   // absent: without a slot
    Operand statistics;       // of D (lowering.h), over the rows of a tile each; or absent
    Operand factors;          // of Normalised, whose x is A then; or absent
    Activation before = Activation::none;   // of A, normalised
    PixelMap map;
    int64_t columns = 0, channels = 0;
    int64_t pitch_a = 0, pitch_b = 0, pitch_d = 0;
    int64_t base_a = 0, base_b = 0, base_d = 0;
    int64_t skip_b = 0;   // after the channels of a tap in B, to those of the next
    int64_t outer = 1, inner = 1;
    int64_t outer_a = 0, inner_a = 0, outer_b = 0, inner_b = 0, outer_d = 0, inner_d = 0;
    float alpha = 1;
    bool transposed = false;
    Activation activation = Activation::none;
    Residual residual_kind = Residual::none;
    // B and the bias have twice the columns: D is the first half times the activation of the
    // second.
    bool gated = false;

    int64_t computed_columns() const { return gated ? 2 * columns : columns; }
    int64_t rows() const { return map.images * map.pixels(); }
    // What is bound where there is no bias or residual to bind.
    const Operand& bias_or_any() const { return bias.slot != ~0u ? bias : a; }
    const Operand& residual_or_any() const { return residual.slot != ~0u ? residual : a; }
    const Operand& statistics_or_any() const { return statistics.slot != ~0u ? statistics : d; }
    const Operand& factors_or_any() const { return factors.slot != ~0u ? factors : a; }
    uint32_t normalised() const { return factors.slot != ~0u ? 1 + uint32_t(before) : 0; }
};

// Makes `x` the A of a product that is set up but for it; by way of what `x` is to be normalised
// from, where that takes less time than to make it first.
void set_source(Lowering& lowering, Product& product, const Tensor& x);

// `columns`, `channels`, pitches and strides must be multiples of four. Splits what exceeds the
// limits of the device into bands of rows; throws ModelError in the name of `op` where it cannot.
void launch_product(Lowering& lowering, const Product& product, std::string_view op);

// A dense product, one batch, of any extents: pads what is not a multiple of four into scratch.
void launch_any_product(Lowering& lowering, Product product, std::string_view op);

// A gated product of one matrix; as a product and the gate of its result where that takes less time
// or no kernel of the device knows gates. Its columns are whole fours.
void launch_gated_product(Lowering& lowering, const Product& product, std::string_view op);

// [batch, rows, columns] into [batch, out_rows, out_columns]: cropped, or filled with zeros.
struct Repack {
    int64_t batch, rows, columns, out_rows, out_columns;
};
void launch_repack(Lowering& lowering, const Operand& from, const Operand& to, const Repack& sizes);
Operand repacked(Lowering& lowering, const Operand& from, const Repack& sizes);   // into scratch

inline int64_t fours(int64_t n) { return (n + 3) / 4 * 4; }
inline bool present(const Operand& operand) { return operand.slot != ~0u; }

}   // namespace kiln
