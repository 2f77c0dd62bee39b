// Convolutions of 3x3 pixels as 36 products over tiles of 4x4 results instead of 144: Lavin and
// Gray. Fast Algorithms for Convolutional Neural Networks. 2016. Kernels that are walked backwards,
// as gradients and transposed convolutions do, are turned first.
#include <cstdlib>

#include "kernels/winograd_input.h"
#include "kernels/winograd_output.h"
#include "kernels/winograd_weight.h"
#include "runtime/ops/winograd.h"

namespace kiln {
namespace {

bool fits(const Product& p) {
    const PixelMap& map = p.map;
    return map.taps == std::array<int64_t, 3>{1, 3, 3} && map.in[0] == 1 && map.out[0] == 1 &&
           map.dilation[1] == map.dilation[2] && std::abs(map.dilation[1]) == 1;
}

bool backwards(const Product& p) { return p.map.dilation[1] < 0; }

// Of the kernel turned round, whose last tap comes first.
int32_t pad(const Product& p, int axis) {
    return int32_t(p.map.pad[axis]) + (backwards(p) ? 2 : 0);
}

// Across and down an image.
int64_t tiles_x(const Product& p) { return div_up(p.map.out[2], kWinogradTile); }
int64_t tiles_y(const Product& p) { return div_up(p.map.out[1], kWinogradTile); }

WinogradTiles tiles(const Product& p) { return {.tiles = p.map.images * tiles_x(p) * tiles_y(p)}; }

int64_t chunk(const Product& p) {
    const bool whole = p.map.out[1] % kWinogradTile == 0 && p.map.out[2] % kWinogradTile == 0;
    return whole ? kWinogradTile * kWinogradTile : 0;
}

void weights(const WinogradBand& band, const Operand& u) {
    using namespace kernels::winograd_weight;
    const Product& p = band.p;
    band.lowering.launch(launch(Variant::main, {.w = p.b, .u = u},
                                {.channels = uint32_t(p.channels),
                                 .first = uint32_t(band.column / 4),
                                 .columns = uint32_t(band.columns / 4),
                                 .pitch = uint32_t(p.pitch_b / 4)},
                                {.local_x = band.local(), .backwards = backwards(p)},
                                band.grid(p.channels * band.columns / 4)));
}

void inputs(const WinogradBand& band, const Operand& v) {
    using namespace kernels::winograd_input;
    const Product& p = band.p;
    band.lowering.launch(launch(Variant::main, {.x = p.a, .v = v, .factors = p.factors_or_any()},
                                {.first = uint32_t(band.first),
                                 .count = uint32_t(band.tiles),
                                 .channels = uint32_t(p.channels / 4),
                                 .tiles_x = uint32_t(tiles_x(p)),
                                 .tiles_y = uint32_t(tiles_y(p)),
                                 .width = int32_t(p.map.in[2]),
                                 .height = int32_t(p.map.in[1]),
                                 .pad_x = pad(p, 2),
                                 .pad_y = pad(p, 1)},
                                {.local_x = band.local(), .normalised = p.normalised()},
                                band.grid(band.tiles * p.channels / 4)));
}

void outputs(const WinogradBand& band, const Operand& m) {
    using namespace kernels::winograd_output;
    const Product& p = band.p;
    band.lowering.launch(launch(Variant::main,
                                {.m = m,
                                 .bias = p.bias_or_any(),
                                 .residual = p.residual_or_any(),
                                 .d = p.d,
                                 .statistics = p.statistics_or_any()},
                                {.first_tile = uint32_t(band.first),
                                 .count = uint32_t(band.tiles),
                                 .first_column = uint32_t(band.column / 4),
                                 .columns = uint32_t(band.columns / 4),
                                 .pitch = uint32_t(p.pitch_d / 4),
                                 .tiles_x = uint32_t(tiles_x(p)),
                                 .tiles_y = uint32_t(tiles_y(p)),
                                 .width = uint32_t(p.map.out[2]),
                                 .height = uint32_t(p.map.out[1])},
                                {.local_x = band.local(),
                                 .bias = present(p.bias),
                                 .activation = uint32_t(p.activation),
                                 .residual = uint32_t(p.residual_kind),
                                 .half = is_half(p.d),
                                 .statistics = present(p.statistics)},
                                band.grid(band.tiles * band.columns / 4)));
}

}   // namespace

const WinogradFilter kWinogradPlane = {.name = "conv.winograd 4x4",
                                       .products = 36,
                                       .least = 1 << 25,
                                       .fits = fits,
                                       .tiles = tiles,
                                       .chunk = chunk,
                                       .weights = weights,
                                       .inputs = inputs,
                                       .outputs = outputs};

}   // namespace kiln
