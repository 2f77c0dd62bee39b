// Convolutions along a line as 7 products over tiles of 4 results and 4 taps instead of 16: Lavin
// and Gray. Fast Algorithms for Convolutional Neural Networks. 2016. Of more taps, every four are
// a filter of their own, and what it reads lies whole tiles further on: the products are
// convolutions over the transformed tiles. Dilated lines come apart into lines that are not.
#include <cmath>

#include "kernels/winograd_line_input.h"
#include "kernels/winograd_line_output.h"
#include "kernels/winograd_line_weight.h"
#include "runtime/ops/product_variants.h"

namespace kiln {
namespace {

constexpr int64_t kTile = 4, kProducts = 7;

// Bands that keep the transforms small; every operand is within the device's limits.
struct Plan {
    int64_t parts;           // of four taps
    int64_t lines, tiles;    // in each line
    int64_t rows, columns;   // of a band: tiles in each line, channels of the result

    int64_t read(int64_t some) const { return some + parts - 1; }   // tiles that `some` depend on
};

Plan plan_of(const Product& p) {
    constexpr int64_t kElements = 4 << 20;   // of the transformed weights; of a band's other two
    const int64_t dilation = p.map.dilation[2];
    Plan plan{};
    plan.parts = div_up(p.map.taps[2], kTile);
    plan.lines = p.map.images * dilation;
    plan.tiles = div_up(div_up(p.map.out[2], dilation), kTile);
    const int64_t depth = kProducts * plan.parts * p.channels;
    plan.columns = std::min(p.columns, std::max<int64_t>(64, kElements / depth / 64 * 64));
    const int64_t width = kProducts * plan.lines * (p.channels + plan.columns);
    plan.rows = std::min(plan.tiles, std::max<int64_t>(32, kElements / width / 32 * 32));
    return plan;
}

// One of the 7 products of a band, as a batch.
Product batch_of(const Product& p, const Plan& plan, int64_t rows, int64_t columns) {
    Product batch;
    batch.map.images = plan.lines;
    batch.map.in[2] = plan.read(rows);
    batch.map.out[2] = rows;
    batch.map.taps[2] = plan.parts;
    batch.columns = batch.pitch_b = batch.pitch_d = columns;
    batch.channels = batch.pitch_a = p.channels;
    batch.outer = kProducts;
    batch.outer_a = plan.lines * plan.read(rows) * p.channels;
    batch.outer_b = plan.parts * p.channels * columns;
    batch.outer_d = plan.lines * rows * columns;
    const auto sized = [](int64_t count) {
        return Operand{.slot = 0, .size = uint64_t(kProducts * count) * sizeof(float)};
    };
    batch.a = sized(batch.outer_a), batch.b = sized(batch.outer_b), batch.d = sized(batch.outer_d);
    return batch;
}

uint32_t local_of(const Caps& caps) { return caps.kind == DeviceKind::cpu ? 8 : 64; }

bool fits(const Caps& caps, const Product& p) {
    const PixelMap& map = p.map;
    for (int i = 0; i < 3; i++)
        if (map.stride[i] != 1 || map.up[i] != 1) return false;
    for (int i = 0; i < 2; i++)
        if (map.in[i] != 1 || map.out[i] != 1 || map.taps[i] != 1) return false;
    if (map.taps[2] < 3 || map.dilation[2] < 1 || map.pad[2] < 0) return false;
    if (p.outer * p.inner != 1 || p.transposed || p.gated || p.skip_b || p.alpha != 1) return false;
    if (p.base_a || p.base_b || p.base_d || has_bf16(p) || !reads_texels(caps, p)) return false;
    if (p.pitch_a != p.channels || p.pitch_d != p.columns || p.pitch_b != p.columns) return false;
    if (present(p.factors)) return false;
    const Plan plan = plan_of(p);
    const Product batch = batch_of(p, plan, plan.rows, plan.columns);
    const int64_t most = std::max({batch.outer_a, batch.outer_b, batch.outer_d}) / 4;
    if (div_up(most, local_of(caps)) > caps.workgroup_count[0]) return false;
    return reads_texels(caps, batch) &&
           std::max({batch.a.size, batch.b.size, batch.d.size}) <= caps.binding_range;
}

// In the unit of ProductChoice::time.
double time_of(const Lowering& lowering, const Product& p) {
    const Plan plan = plan_of(p);
    const ProductChoice choice =
        cheapest_product(lowering, batch_of(p, plan, plan.rows, plan.columns));
    if (!choice.variant.family) return INFINITY;
    const double across = double(p.columns) / double(plan.columns),
                 down = double(plan.tiles) / double(plan.rows);
    // Of an element that is computed, written and read again.
    const double moved = lowering.caps().kind == DeviceKind::cpu ? 4 : 100;
    const double tiles = double(plan.lines * plan.tiles);
    const double inputs = tiles * double(p.channels) * (down > 1 ? across : 1);
    return choice.time * across * down +
           moved * kProducts *
               (inputs + tiles * double(p.columns) + double(plan.parts * p.channels * p.columns));
}

struct Launcher {
    Lowering& lowering;
    const Product& p;
    const Plan plan = plan_of(p);
    const uint32_t local = local_of(lowering.caps());

    Grid grid(int64_t items) const { return {div_up(items, local), 1, 1}; }

    void weights(const Operand& u, int64_t first, int64_t columns) const {
        using namespace kernels::winograd_line_weight;
        lowering.launch(launch(Variant::main, {.w = p.b, .u = u},
                               {.taps = uint32_t(p.map.taps[2]),
                                .parts = uint32_t(plan.parts),
                                .channels = uint32_t(p.channels),
                                .first = uint32_t(first / 4),
                                .columns = uint32_t(columns / 4),
                                .pitch = uint32_t(p.pitch_b / 4)},
                               {.local_x = local}, grid(plan.parts * p.channels * columns / 4)));
    }

    void inputs(const Operand& v, int64_t first, int64_t tiles) const {
        using namespace kernels::winograd_line_input;
        lowering.launch(launch(Variant::main, {.x = p.a, .v = v},
                               {.first = uint32_t(first),
                                .tiles = uint32_t(tiles),
                                .lines = uint32_t(plan.lines),
                                .dilation = uint32_t(p.map.dilation[2]),
                                .channels = uint32_t(p.channels / 4),
                                .width = int32_t(p.map.in[2]),
                                .pad = int32_t(p.map.pad[2])},
                               {.local_x = local}, grid(plan.lines * tiles * p.channels / 4)));
    }

    void outputs(const Operand& m, int64_t first, int64_t tiles, int64_t column,
                 int64_t columns) const {
        using namespace kernels::winograd_line_output;
        lowering.launch(
            launch(Variant::main,
                   {.m = m, .bias = p.bias_or_any(), .residual = p.residual_or_any(), .d = p.d},
                   {.first_tile = uint32_t(first),
                    .tiles = uint32_t(tiles),
                    .lines = uint32_t(plan.lines),
                    .dilation = uint32_t(p.map.dilation[2]),
                    .first_column = uint32_t(column / 4),
                    .columns = uint32_t(columns / 4),
                    .pitch = uint32_t(p.pitch_d / 4),
                    .width = uint32_t(p.map.out[2])},
                   {.local_x = local,
                    .bias = present(p.bias),
                    .activation = uint32_t(p.activation),
                    .residual = uint32_t(p.residual_kind),
                    .half = is_half(p.d)},
                   grid(plan.lines * tiles * columns / 4)));
    }
};

}   // namespace

bool prefers_winograd_line(const Lowering& lowering, const Product& p) {
    if (!fits(lowering.caps(), p)) return false;
    // As for pictures: measured on CPU drivers, elsewhere only on demand.
    const double guess = lowering.caps().kind == DeviceKind::cpu ? 1 : 0;
    const double direct = lowering.tuning().speed("conv.direct", 1),
                 winograd = lowering.tuning().speed("conv.winograd_line 4", guess);
    if (winograd <= 0 || direct <= 0) return winograd > 0;
    constexpr double kLeast = 1 << 22;   // multiplications that are worth two launches more
    if (double(p.rows() * p.columns) * double(p.map.taps[2] * p.channels) < kLeast) return false;
    return time_of(lowering, p) < cheapest_product(lowering, p).time;
}

void launch_winograd_line(Lowering& lowering, const Product& p, std::string_view op) {
    const Launcher launcher{lowering, p};
    const Plan& plan = launcher.plan;
    const Product most = batch_of(p, plan, plan.rows, plan.columns);
    const Operand u = lowering.scratch(most.b.size), v = lowering.scratch(most.a.size),
                  m = lowering.scratch(most.d.size);
    for (int64_t column = 0; column < p.columns; column += plan.columns) {
        const int64_t columns = std::min(plan.columns, p.columns - column);
        launcher.weights(u, column, columns);
        for (int64_t tile = 0; tile < plan.tiles; tile += plan.rows) {
            const int64_t rows = std::min(plan.rows, plan.tiles - tile);
            if (column == 0 || plan.rows < plan.tiles) launcher.inputs(v, tile, plan.read(rows));
            Product batch = batch_of(p, plan, rows, columns);
            batch.a = v.window(0, batch.a.size);
            batch.b = u.window(0, batch.b.size);
            batch.d = m.window(0, batch.d.size);
            launch_product(lowering, batch, op);
            launcher.outputs(batch.d, tile, rows, column, columns);
        }
    }
}

}   // namespace kiln
