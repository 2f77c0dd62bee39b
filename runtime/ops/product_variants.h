// The ways to compute a matrix product: families of kernels, each with tiles, in one table.
// Within runtime/ops only.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime/ops/product.h"

namespace kiln {

// How one workgroup covers D.
struct ProductTile {
    uint32_t rows, columns;            // of D, in elements
    std::array<uint32_t, 4> shape{};   // what the family's kernel makes of it
    double speed = 1;                  // a guess, relative to the best of the device's families
    bool (*fits)(const Caps&, const Product&) = nullptr;   // beyond what the family asks for
};

struct ProductFamily {
    std::string_view name;
    bool (*fits)(const Caps&, const Product&);   // device and operands
    std::span<const ProductTile> tiles;
    // One launch, whose operands are within the limits of the device.
    void (*launch)(Lowering&, const Product&, const ProductTile&);
    bool bf16 = false;         // reads and stores it
    bool quantised = false;    // reads a quantised B, and no other
    bool skips = false;        // the kernel knows Product::skip_b
    bool normalises = false;   // the kernel knows Product::factors
    bool statistics = false;   // the kernel knows Product::statistics, over tile.rows
    bool (*gates)(const ProductTile&) = nullptr;   // whether it knows Product::gated in this tile
    bool matrices = false;   // on units that multiply only: the rest is no faster than elsewhere
};

extern const ProductFamily kProductCpu, kProductRegisters, kProductShared;
extern const ProductFamily kProductMatrix, kProductMatrix2, kProductDot, kProductQuantised;
extern const ProductFamily kProductMatrixQuantised;
std::span<const ProductFamily* const> product_families();

struct ProductVariant {
    const ProductFamily* family = nullptr;
    const ProductTile* tile = nullptr;
    int64_t parts = 1;   // along K

    std::string name() const;   // as Tuning knows it: "matmul.shared 64x64", " k4" in four parts
};

// Those in one part that the device and the operands allow, whatever the tuning says of them.
std::vector<ProductVariant> product_variants(const Caps& caps, const Product& product);

// The one whose padded work takes the least time, in multiplications at a speed of one; without a
// family when the tuning leaves none.
struct ProductChoice {
    ProductVariant variant;
    double time = 0;
};
ProductChoice cheapest_product(const Lowering& lowering, const Product& product);

// The time of normalising `values` in a kernel of its own, in the same unit.
double normalising_time(const Caps& caps, double values);
// For each value that is loaded, of a kernel that moves data rather than multiplies.
double preparation_time(const Caps& caps, const Product& product);

// The product with a place for the statistics of D over `chunk` rows each, where they are wanted.
Product with_statistics(Lowering& lowering, Product product, int64_t chunk);

// The same for operands in bf16, if need be through f32.
struct StorageChoice {
    ProductChoice choice;
    bool through_f32 = false;
};
StorageChoice cheapest_storage(const Lowering& lowering, const Product& product);
bool has_bf16(const Product& product);
// The product with what is bf16 in f32; launch() is given that.
void through_f32(Lowering& lowering, const Product& product,
                 const std::function<void(const Product&)>& launch);

// The variant of cheapest_product(). Throws ModelError in the name of `op` when there is none.
ProductVariant choose_product(const Lowering& lowering, const Product& product,
                              std::string_view op);

// Whether a variant computes this product in `parts` along K, and how: product_split.cpp.
bool can_split(const Caps& caps, const Product& product, const ProductVariant& variant,
               int64_t parts);
void launch_split(Lowering& lowering, const Product& product, const ProductVariant& variant);

// Launches a variant of a product, or of a part of one, and notes what it amounts to.
void launch_variant(Lowering& lowering, const Product& product, const ProductVariant& variant);

// Convolutions with fewer multiplications: winograd.h. That which is faster here than a direct one,
// going by size and tuning ("conv.direct" against "conv.winograd 4x4" over a plane and
// "conv.winograd_line 4"), or null; the launches, with operands within the limits of the device.
struct WinogradFilter;
const WinogradFilter* preferred_winograd(const Lowering& lowering, const Product& product);
double convolution_time(const Lowering& lowering, const Product& product);   // of the faster way
void launch_winograd(Lowering& lowering, const Product& product, const WinogradFilter& filter,
                     std::string_view op);

// Texel buffers reach all that this product reads.
bool reads_texels(const Caps& caps, const Product& product);

// The push constants that every family's kernel takes: Args of lib/product.glsl.
template <class Args>
Args product_args(const Product& p) {
    auto in_fours = [](int64_t n) {
        ensure(n % 4 == 0 && n / 4 <= int64_t(~0u), "extents of a product are multiples of four");
        return uint32_t(n / 4);
    };
    Args args{.rows = uint32_t(p.rows()),
              .columns = in_fours(p.columns),
              .channels = in_fours(p.channels),
              .pitch_a = in_fours(p.pitch_a),
              .pitch_b = in_fours(p.pitch_b),
              .pitch_d = in_fours(p.pitch_d),
              .inner = uint32_t(p.inner),
              .base_a = in_fours(p.base_a),
              .base_b = in_fours(p.base_b),
              .base_d = in_fours(p.base_d),
              .outer_a = in_fours(p.outer_a),
              .inner_a = in_fours(p.inner_a),
              .outer_b = in_fours(p.outer_b),
              .inner_b = in_fours(p.inner_b),
              .outer_d = in_fours(p.outer_d),
              .inner_d = in_fours(p.inner_d),
              .alpha = p.alpha,
              .skip_b = in_fours(p.skip_b)};
    for (int i = 0; i < 3; i++) {
        ensure(p.map.stride[i] < 256 && p.map.up[i] < 256 && std::abs(p.map.dilation[i]) < 32768 &&
                   p.map.taps[i] < 65536 && std::abs(p.map.pad[i]) < 32768,
               "windows and steps fit");
        args.in_size[i] = int32_t(p.map.in[i]);
        args.out_size[i] = uint32_t(p.map.out[i]);
        args.window[i] = int32_t(p.map.taps[i] + p.map.pad[i] * 65536);
        args.step[i] = p.map.stride[i] | p.map.up[i] << 8 | p.map.dilation[i] * 65536;
    }
    return args;
}

inline uint32_t is_half(const Operand& o) { return o.dtype == DType::f16; }

// What a product's kernel binds; statistics and factors where it knows them.
template <class Bindings>
Bindings product_bindings(const Product& p) {
    constexpr bool sums = requires(Bindings & known) { known.statistics; }
    , normalises = requires(Bindings & known) { known.factors; };
    const Operand &bias = p.bias_or_any(), &residual = p.residual_or_any();
    if constexpr (sums)
        return {p.a, p.b, bias, residual, p.d, p.statistics_or_any(), p.factors_or_any()};
    else if constexpr (normalises)
        return {p.a, p.b, bias, residual, p.d, p.factors_or_any()};
    else
        return {p.a, p.b, bias, residual, p.d};
}

// The specialization constants that mean the same in every product's kernel that has them.
template <class Constants>
void set_constants(Constants& known, const Product& p) {
    known.activation = uint32_t(p.activation);
    known.residual = uint32_t(p.residual_kind);
    if constexpr (requires { known.transposed; }) known.transposed = p.transposed;
    if constexpr (requires { known.statistics; }) known.statistics = present(p.statistics);
    if constexpr (requires { known.normalised; }) known.normalised = p.normalised();
    if constexpr (requires { known.gated; }) known.gated = p.gated;
}

// Of families whose invocations each own some rows and fours of columns: how many there are, and
// how many of them stand across the columns.
constexpr ProductTile owned_tile(uint32_t threads, uint32_t across, uint32_t rows, uint32_t columns,
                                 double speed,
                                 bool (*fits)(const Caps&, const Product&) = nullptr) {
    return {.rows = rows * (threads / across),
            .columns = 4 * columns * across,
            .shape = {threads, across, rows, columns},
            .speed = speed,
            .fits = fits};
}

template <class Constants>
void set_owned_tile(Constants& constants, const ProductTile& tile) {
    constants.local_x = tile.shape[0], constants.across = tile.shape[1];
    constants.rows = tile.shape[2], constants.columns = tile.shape[3];
}

// Whether each invocation has a gate beside every value.
inline bool gates_owned_tile(const ProductTile& tile) { return tile.shape[3] % 2 == 0; }

inline Grid product_grid(const Product& p, const ProductTile& tile) {
    return {div_up(p.rows(), tile.rows), div_up(p.computed_columns(), tile.columns),
            uint32_t(p.outer * p.inner)};
}

}   // namespace kiln
