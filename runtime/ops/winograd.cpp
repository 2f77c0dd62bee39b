// Convolutions of 3x3 pixels as 36 products over tiles of 4x4 results instead of 144: Lavin and
// Gray. Fast Algorithms for Convolutional Neural Networks. 2016. Transforms and sums are f32. The
// transformed weights are made anew in each run, a band of columns at a time: kept, they would take
// four times the memory of the weights.
#include <cmath>

#include "kernels/winograd_input.h"
#include "kernels/winograd_output.h"
#include "kernels/winograd_weight.h"
#include "runtime/ops/product_variants.h"

namespace kiln {
namespace {

constexpr int64_t kTile = 4, kProducts = 36;

// Bands that keep the transforms small; every operand is within the device's limits.
struct Plan {
    int64_t tiles_x, tiles_y, tiles;   // of an image, across and down; of all
    int64_t rows, columns;             // of a band: tiles, channels of the result
};

Plan plan_of(const Product& p) {
    constexpr int64_t kElements = 4 << 20;   // of the transformed weights; of a band's other two
    Plan plan{};
    plan.tiles_x = div_up(p.map.out[2], kTile), plan.tiles_y = div_up(p.map.out[1], kTile);
    plan.tiles = p.map.images * plan.tiles_x * plan.tiles_y;
    const int64_t some = std::max<int64_t>(64, kElements / (kProducts * p.channels) / 64 * 64);
    plan.columns = std::min(p.columns, some);
    const int64_t width = p.channels + plan.columns;
    plan.rows =
        std::min(plan.tiles, std::max<int64_t>(32, kElements / (kProducts * width) / 32 * 32));
    return plan;
}

// One of the 36 products of a band, as a batch.
Product batch_of(const Product& p, int64_t rows, int64_t columns) {
    Product batch;
    batch.map = line_of(rows);
    batch.columns = batch.pitch_b = batch.pitch_d = columns;
    batch.channels = batch.pitch_a = p.channels;
    batch.outer = kProducts;
    batch.outer_a = rows * p.channels;
    batch.outer_b = p.channels * columns;
    batch.outer_d = rows * columns;
    const auto sized = [](int64_t count) {
        return Operand{.slot = 0, .size = uint64_t(kProducts * count) * sizeof(float)};
    };
    batch.a = sized(batch.outer_a), batch.b = sized(batch.outer_b), batch.d = sized(batch.outer_d);
    return batch;
}

bool fits(const Caps& caps, const Product& p) {
    const PixelMap& map = p.map;
    const std::array<int64_t, 3> window{1, 3, 3};
    if (map.taps != window || map.in[0] != 1 || map.out[0] != 1) return false;
    for (int i = 0; i < 3; i++)
        if (map.stride[i] != 1 || map.dilation[i] != 1 || map.up[i] != 1) return false;
    if (p.outer * p.inner != 1 || p.transposed || p.skip_b || p.alpha != 1) return false;
    if (p.base_a || p.base_b || p.base_d || has_bf16(p) || !reads_texels(caps, p)) return false;
    if (p.pitch_a != p.channels || p.pitch_d != p.columns || p.pitch_b != p.columns) return false;
    const Plan plan = plan_of(p);
    const Product batch = batch_of(p, plan.rows, plan.columns);
    return reads_texels(caps, batch) &&
           std::max({batch.a.size, batch.b.size, batch.d.size}) <= caps.binding_range;
}

// In the unit of ProductChoice::time.
double time_of(const Lowering& lowering, const Product& p) {
    const Plan plan = plan_of(p);
    const ProductChoice choice = cheapest_product(lowering, batch_of(p, plan.rows, plan.columns));
    if (!choice.variant.family) return INFINITY;
    const double across = double(p.columns) / double(plan.columns),
                 down = double(plan.tiles) / double(plan.rows);
    // Of an element that is computed, written and read again.
    const double moved = lowering.caps().kind == DeviceKind::cpu ? 4 : 100;
    const double inputs = double(plan.tiles * p.channels) * (down > 1 ? across : 1);
    return choice.time * across * down +
           moved * kProducts *
               (inputs + double(plan.tiles * p.columns) + double(p.channels * p.columns)) +
           preparation_time(lowering.caps(), p) * kProducts * inputs;
}

Grid grid_of(int64_t items, uint32_t local) { return {div_up(items, local), 1, 1}; }

struct Launcher {
    Lowering& lowering;
    const Product& p;
    const Plan plan = plan_of(p);
    const uint32_t local = lowering.caps().kind == DeviceKind::cpu ? 8 : 64;

    void weights(const Operand& u, int64_t first, int64_t columns) const {
        using namespace kernels::winograd_weight;
        lowering.launch(launch(Variant::main, {.w = p.b, .u = u},
                               {.channels = uint32_t(p.channels),
                                .first = uint32_t(first / 4),
                                .columns = uint32_t(columns / 4),
                                .pitch = uint32_t(p.pitch_b / 4)},
                               {.local_x = local}, grid_of(p.channels * columns / 4, local)));
    }

    void inputs(const Operand& v, int64_t first, int64_t count) const {
        using namespace kernels::winograd_input;
        lowering.launch(launch(Variant::main, {.x = p.a, .v = v, .factors = p.factors_or_any()},
                               {.first = uint32_t(first),
                                .count = uint32_t(count),
                                .channels = uint32_t(p.channels / 4),
                                .tiles_x = uint32_t(plan.tiles_x),
                                .tiles_y = uint32_t(plan.tiles_y),
                                .width = int32_t(p.map.in[2]),
                                .height = int32_t(p.map.in[1]),
                                .pad_x = int32_t(p.map.pad[2]),
                                .pad_y = int32_t(p.map.pad[1])},
                               {.local_x = local, .normalised = p.normalised()},
                               grid_of(count * p.channels / 4, local)));
    }

    void outputs(const Operand& m, int64_t first, int64_t count, int64_t column,
                 int64_t columns) const {
        using namespace kernels::winograd_output;
        lowering.launch(launch(Variant::main,
                               {.m = m,
                                .bias = p.bias_or_any(),
                                .residual = p.residual_or_any(),
                                .d = p.d,
                                .statistics = p.statistics_or_any()},
                               {.first_tile = uint32_t(first),
                                .count = uint32_t(count),
                                .first_column = uint32_t(column / 4),
                                .columns = uint32_t(columns / 4),
                                .pitch = uint32_t(p.pitch_d / 4),
                                .tiles_x = uint32_t(plan.tiles_x),
                                .tiles_y = uint32_t(plan.tiles_y),
                                .width = uint32_t(p.map.out[2]),
                                .height = uint32_t(p.map.out[1])},
                               {.local_x = local,
                                .bias = present(p.bias),
                                .activation = uint32_t(p.activation),
                                .residual = uint32_t(p.residual_kind),
                                .half = is_half(p.d),
                                .statistics = present(p.statistics)},
                               grid_of(count * columns / 4, local)));
    }
};

}   // namespace

bool prefers_winograd(const Lowering& lowering, const Product& p) {
    if (!fits(lowering.caps(), p)) return false;
    // What the transforms cost was measured on CPU drivers, and there it wins; elsewhere only on
    // demand.
    const double guess = lowering.caps().kind == DeviceKind::cpu ? 1 : 0;
    const double direct = lowering.tuning().speed("conv.direct", 1),
                 winograd = lowering.tuning().speed("conv.winograd 4x4", guess);
    if (winograd <= 0 || direct <= 0) return winograd > 0;
    constexpr double kLeast = 1 << 25;   // multiplications that are worth two launches more
    if (double(p.rows() * p.columns) * double(9 * p.channels) < kLeast) return false;
    return time_of(lowering, p) < cheapest_product(lowering, p).time;
}

double convolution_time(const Lowering& lowering, const Product& p) {
    if (prefers_winograd(lowering, p)) return time_of(lowering, p);
    const ProductChoice direct = cheapest_product(lowering, p);
    return direct.variant.family ? direct.time : INFINITY;
}

void launch_winograd(Lowering& lowering, const Product& product, std::string_view op) {
    const bool whole = product.map.out[1] % kTile == 0 && product.map.out[2] % kTile == 0;
    const Product p = whole ? with_statistics(lowering, product, kTile * kTile) : product;
    const Launcher launcher{lowering, p};
    const Plan& plan = launcher.plan;
    const Product most = batch_of(p, plan.rows, plan.columns);
    const Operand u = lowering.scratch(most.b.size), v = lowering.scratch(most.a.size),
                  m = lowering.scratch(most.d.size);
    for (int64_t column = 0; column < p.columns; column += plan.columns) {
        const int64_t columns = std::min(plan.columns, p.columns - column);
        launcher.weights(u, column, columns);
        for (int64_t tile = 0; tile < plan.tiles; tile += plan.rows) {
            const int64_t rows = std::min(plan.rows, plan.tiles - tile);
            if (column == 0 || plan.rows < plan.tiles) launcher.inputs(v, tile, rows);
            Product batch = batch_of(p, rows, columns);
            batch.a = v.window(0, batch.a.size);
            batch.b = u.window(0, batch.b.size);
            batch.d = m.window(0, batch.d.size);
            launch_product(lowering, batch, op);
            launcher.outputs(batch.d, tile, rows, column, columns);
        }
    }
}

}   // namespace kiln
