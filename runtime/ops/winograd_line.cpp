// Convolutions along a line as 7 products over tiles of 4 results and 4 taps instead of 16: Lavin
// and Gray. Fast Algorithms for Convolutional Neural Networks. 2016. Of more taps, every four are
// a filter of their own, and what it reads lies whole tiles further on: the products are
// convolutions over the transformed tiles. Dilated lines come apart into lines that are not.
#include "kernels/winograd_line_input.h"
#include "kernels/winograd_line_output.h"
#include "kernels/winograd_line_weight.h"
#include "runtime/ops/winograd.h"

namespace kiln {
namespace {

bool fits(const Product& p) {
    const PixelMap& map = p.map;
    for (int i = 0; i < 2; i++)
        if (map.in[i] != 1 || map.out[i] != 1 || map.taps[i] != 1) return false;
    return map.taps[2] >= 3 && map.dilation[2] >= 1 && map.pad[2] >= 0 && !present(p.factors);
}

WinogradTiles tiles(const Product& p) {
    const int64_t dilation = p.map.dilation[2];
    return {.lines = p.map.images * dilation,
            .tiles = div_up(div_up(p.map.out[2], dilation), kWinogradTile),
            .parts = div_up(p.map.taps[2], kWinogradTile)};
}

// Tiles that an invocation takes side by side: on CPU drivers a workgroup costs more than its work.
int64_t run_of(const WinogradBand& band) {
    return band.lowering.caps().kind == DeviceKind::cpu ? 8 : 1;
}

int64_t chunk(const Product&) { return 0; }

void weights(const WinogradBand& band, const Operand& u) {
    using namespace kernels::winograd_line_weight;
    const Product& p = band.p;
    band.lowering.launch(launch(Variant::main, {.w = p.b, .u = u},
                                {.taps = uint32_t(p.map.taps[2]),
                                 .parts = uint32_t(band.all.parts),
                                 .channels = uint32_t(p.channels),
                                 .first = uint32_t(band.column / 4),
                                 .columns = uint32_t(band.columns / 4),
                                 .pitch = uint32_t(p.pitch_b / 4)},
                                {.local_x = band.local()},
                                band.grid(band.all.parts * p.channels * band.columns / 4)));
}

void inputs(const WinogradBand& band, const Operand& v) {
    using namespace kernels::winograd_line_input;
    const Product& p = band.p;
    const int64_t tiles = band.all.read(band.tiles), run = run_of(band);
    band.lowering.launch(launch(Variant::main, {.x = p.a, .v = v},
                                {.first = uint32_t(band.first),
                                 .tiles = uint32_t(tiles),
                                 .lines = uint32_t(band.all.lines),
                                 .dilation = uint32_t(p.map.dilation[2]),
                                 .channels = uint32_t(p.channels / 4),
                                 .width = int32_t(p.map.in[2]),
                                 .pad = int32_t(p.map.pad[2])},
                                {.local_x = band.local(), .run = uint32_t(run)},
                                band.grid(band.all.lines * div_up(tiles, run) * p.channels / 4)));
}

void outputs(const WinogradBand& band, const Operand& m) {
    using namespace kernels::winograd_line_output;
    const Product& p = band.p;
    const int64_t run = run_of(band);
    band.lowering.launch(launch(
        Variant::main, {.m = m, .bias = p.bias_or_any(), .residual = p.residual_or_any(), .d = p.d},
        {.first_tile = uint32_t(band.first),
         .tiles = uint32_t(band.tiles),
         .lines = uint32_t(band.all.lines),
         .dilation = uint32_t(p.map.dilation[2]),
         .first_column = uint32_t(band.column / 4),
         .columns = uint32_t(band.columns / 4),
         .pitch = uint32_t(p.pitch_d / 4),
         .width = uint32_t(p.map.out[2])},
        {.local_x = band.local(),
         .bias = present(p.bias),
         .activation = uint32_t(p.activation),
         .residual = uint32_t(p.residual_kind),
         .half = is_half(p.d),
         .run = uint32_t(run)},
        band.grid(band.all.lines * div_up(band.tiles, run) * band.columns / 4)));
}

}   // namespace

const WinogradFilter kWinogradLine = {.name = "conv.winograd_line 4",
                                      .products = 7,
                                      .least = 1 << 22,
                                      .fits = fits,
                                      .tiles = tiles,
                                      .chunk = chunk,
                                      .weights = weights,
                                      .inputs = inputs,
                                      .outputs = outputs};

}   // namespace kiln
