// Convolutions in fewer multiplications: transforms of weights and input, a batch of products, and
// a transform back. Lavin and Gray. Fast Algorithms for Convolutional Neural Networks. 2016.
// Transforms and sums are f32. The transformed weights are made anew in each run, a band of columns
// at a time: kept, they would take a multiple of the memory of the weights.
#include "runtime/ops/winograd.h"

#include <cmath>

#include "runtime/tensor/quantised.h"

namespace kiln {
namespace {

constexpr const WinogradFilter* kFilters[] = {&kWinogradPlane, &kWinogradLine};

uint32_t local_of(const Caps& caps) { return caps.kind == DeviceKind::cpu ? 8 : 64; }

// Bands that keep the transforms small; every operand is within the device's limits.
struct Plan {
    WinogradTiles all;
    int64_t tiles, columns;   // of a band: in each line, of the result
};

Plan plan_of(const WinogradFilter& filter, const Product& p) {
    constexpr int64_t kElements = 4 << 20;   // of the transformed weights; of a band's other two
    Plan plan{.all = filter.tiles(p), .tiles = 0, .columns = 0};
    const int64_t depth = filter.products * plan.all.parts * p.channels;
    plan.columns = std::min(p.columns, std::max<int64_t>(64, kElements / depth / 64 * 64));
    const int64_t width = filter.products * plan.all.lines * (p.channels + plan.columns);
    plan.tiles = std::min(plan.all.tiles, std::max<int64_t>(32, kElements / width / 32 * 32));
    return plan;
}

// The products of a band, as a batch.
Product batch_of(const WinogradFilter& filter, const Product& p, const WinogradTiles& all,
                 int64_t tiles, int64_t columns) {
    Product batch;
    batch.map.images = all.lines;
    batch.map.in[2] = all.read(tiles);
    batch.map.out[2] = tiles;
    batch.map.taps[2] = all.parts;
    batch.columns = batch.pitch_b = batch.pitch_d = columns;
    batch.channels = batch.pitch_a = p.channels;
    batch.outer = filter.products;
    batch.outer_a = all.lines * all.read(tiles) * p.channels;
    batch.outer_b = all.parts * p.channels * columns;
    batch.outer_d = all.lines * tiles * columns;
    const auto sized = [&](int64_t count) {
        return Operand{.slot = 0, .size = uint64_t(filter.products * count) * sizeof(float)};
    };
    batch.a = sized(batch.outer_a), batch.b = sized(batch.outer_b), batch.d = sized(batch.outer_d);
    return batch;
}

// The batch of a band as large as any.
Product batch_of(const WinogradFilter& filter, const Product& p, const Plan& plan) {
    return batch_of(filter, p, plan.all, plan.tiles, plan.columns);
}

bool fits(const WinogradFilter& filter, const Caps& caps, const Product& p) {
    if (!filter.fits(p) || is_quantised(p.b.dtype)) return false;
    for (int i = 0; i < 3; i++)
        if (p.map.stride[i] != 1 || p.map.up[i] != 1) return false;
    if (p.outer * p.inner != 1 || p.transposed || p.gated || p.skip_b || p.alpha != 1) return false;
    if (p.base_a || p.base_b || p.base_d || has_bf16(p) || !reads_texels(caps, p)) return false;
    if (p.pitch_a != p.channels || p.pitch_d != p.columns || p.pitch_b != p.columns) return false;
    const Product batch = batch_of(filter, p, plan_of(filter, p));
    const int64_t most = std::max({batch.outer_a, batch.outer_b, batch.outer_d}) / 4;
    return div_up(most, local_of(caps)) <= caps.workgroup_count[0] && reads_texels(caps, batch) &&
           std::max({batch.a.size, batch.b.size, batch.d.size}) <= caps.binding_range;
}

// In the unit of ProductChoice::time.
double time_of(const WinogradFilter& filter, const Lowering& lowering, const Product& p) {
    const Plan plan = plan_of(filter, p);
    const ProductChoice choice = cheapest_product(lowering, batch_of(filter, p, plan));
    if (!choice.variant.family) return INFINITY;
    const double across = double(p.columns) / double(plan.columns),
                 down = double(plan.all.tiles) / double(plan.tiles);
    // Of an element that is computed, written and read again.
    const double moved = lowering.caps().kind == DeviceKind::cpu ? 4 : 100;
    const double tiles = double(plan.all.lines * plan.all.tiles),
                 products = double(filter.products);
    const double inputs = tiles * double(p.channels) * (down > 1 ? across : 1);
    return choice.time * across * down +
           moved * products *
               (inputs + tiles * double(p.columns) +
                double(plan.all.parts * p.channels * p.columns)) +
           preparation_time(lowering.caps(), p) * products * inputs;
}

bool prefers(const WinogradFilter& filter, const Lowering& lowering, const Product& p) {
    if (!fits(filter, lowering.caps(), p)) return false;
    // What the transforms cost was measured on CPU drivers, and there it wins; elsewhere only on
    // demand.
    const double guess = lowering.caps().kind == DeviceKind::cpu ? 1 : 0;
    const double direct = lowering.tuning().speed("conv.direct", 1),
                 winograd = lowering.tuning().speed(filter.name, guess);
    if (winograd <= 0 || direct <= 0) return winograd > 0;
    const double depth = double(p.map.tap_count() * p.channels);
    if (double(p.rows() * p.columns) * depth < filter.least) return false;
    return time_of(filter, lowering, p) < cheapest_product(lowering, p).time;
}

}   // namespace

uint32_t WinogradBand::local() const { return local_of(lowering.caps()); }

const WinogradFilter* preferred_winograd(const Lowering& lowering, const Product& p) {
    for (const WinogradFilter* filter : kFilters)
        if (prefers(*filter, lowering, p)) return filter;
    return nullptr;
}

double convolution_time(const Lowering& lowering, const Product& p) {
    if (const auto* filter = preferred_winograd(lowering, p)) return time_of(*filter, lowering, p);
    const ProductChoice direct = cheapest_product(lowering, p);
    return direct.variant.family ? direct.time : INFINITY;
}

void launch_winograd(Lowering& lowering, const Product& product, const WinogradFilter& filter,
                     std::string_view op) {
    const int64_t chunk = filter.chunk(product);
    const Product p = chunk ? with_statistics(lowering, product, chunk) : product;
    const Plan plan = plan_of(filter, p);
    const Product most = batch_of(filter, p, plan);
    const Operand u = lowering.scratch(most.b.size), v = lowering.scratch(most.a.size),
                  m = lowering.scratch(most.d.size);
    WinogradBand band{.lowering = lowering, .p = p, .all = plan.all};
    for (band.column = 0; band.column < p.columns; band.column += plan.columns) {
        band.columns = std::min(plan.columns, p.columns - band.column);
        filter.weights(band, u);
        for (band.first = 0; band.first < plan.all.tiles; band.first += plan.tiles) {
            band.tiles = std::min(plan.tiles, plan.all.tiles - band.first);
            if (band.column == 0 || plan.tiles < plan.all.tiles) filter.inputs(band, v);
            Product batch = batch_of(filter, p, plan.all, band.tiles, band.columns);
            batch.a = v.window(0, batch.a.size);
            batch.b = u.window(0, batch.b.size);
            batch.d = m.window(0, batch.d.size);
            launch_product(lowering, batch, op);
            filter.outputs(band, batch.d);
        }
    }
}

}   // namespace kiln
