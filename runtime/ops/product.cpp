#include "runtime/ops/product.h"

#include <algorithm>
#include <numeric>

#include "kernels/repack.h"
#include "runtime/base/check.h"
#include "runtime/ops/product_variants.h"

namespace kiln {
namespace {

// The rows [begin, end) of the outermost axis of one image's output, as a product of its own.
Product band_of(const Product& p, int axis, int64_t image, int64_t begin, int64_t end,
                uint64_t alignment) {
    const PixelMap& map = p.map;
    auto line = [&](const std::array<int64_t, 3>& size) {
        int64_t n = 1;
        for (int i = axis + 1; i < 3; i++) n *= size[i];
        return n;
    };
    int64_t first = begin * map.stride[axis] - map.pad[axis],
            last = (end - 1) * map.stride[axis] - map.pad[axis];
    int64_t reach = (map.taps[axis] - 1) * map.dilation[axis];
    int64_t low = std::max<int64_t>(0, std::min(first, first + reach) / map.up[axis]);
    int64_t high = std::min<int64_t>(map.in[axis], std::max(last, last + reach) / map.up[axis] + 1);
    low = std::min(low, map.in[axis] - 1);
    high = std::max(high, low + 1);
    int64_t in_line = line(map.in), out_line = line(map.out),
            per_image = map.in[0] * map.in[1] * map.in[2];
    uint64_t a_line = uint64_t(in_line * p.pitch_a) * size_of(p.a.dtype);
    uint64_t image_start = uint64_t(image * per_image * p.pitch_a) * size_of(p.a.dtype);
    while (low > 0 && (image_start + low * a_line) % alignment) low--;
    if ((image_start + low * a_line) % alignment)
        throw ModelError(
            "[product] a batch of large images whose size is not a multiple of the offset "
            "alignment");

    Product band = p;
    band.map.images = 1;
    band.map.in[axis] = high - low;
    band.map.out[axis] = end - begin;
    band.map.pad[axis] = low * map.up[axis] - first;
    band.a = p.a.window(image_start + low * a_line, (high - low) * a_line);
    uint64_t d_line = uint64_t(out_line * p.pitch_d) * size_of(p.d.dtype);
    uint64_t d_start =
        uint64_t(image * map.pixels() * p.pitch_d) * size_of(p.d.dtype) + begin * d_line;
    band.d = p.d.window(d_start, (end - begin) * d_line);
    if (p.residual_kind == Product::Residual::same)
        band.residual = p.residual.window(d_start, band.d.size);
    if (p.residual_kind == Product::Residual::image) {
        uint64_t bytes = uint64_t(p.pitch_d) * size_of(p.residual.dtype);
        band.residual = p.residual.window(image * bytes, bytes);
    }
    return band;
}

// Bands along the outermost axis with more than one row, as tall as the limits allow.
void launch_bands(Lowering& lowering, const Product& p, const ProductVariant& variant,
                  std::string_view op) {
    const Caps& caps = lowering.caps();
    const PixelMap& map = p.map;
    int axis = 0;
    while (axis < 2 && map.out[axis] == 1 && map.in[axis] == 1) axis++;
    int64_t out_line = map.pixels() / map.out[axis];
    uint64_t d_line = uint64_t(out_line * p.pitch_d) * size_of(p.d.dtype);
    uint64_t a_line =
        uint64_t(map.in[0] * map.in[1] * map.in[2] / map.in[axis] * p.pitch_a) * size_of(p.a.dtype);
    int64_t step =
        int64_t(caps.offset_alignment / std::gcd<uint64_t>(d_line, caps.offset_alignment));
    int64_t step_a =
        int64_t(caps.offset_alignment / std::gcd<uint64_t>(a_line, caps.offset_alignment));
    int64_t halo = std::abs(int64_t(map.taps[axis] - 1) * map.dilation[axis]) + step_a + 1;
    int64_t by_a = int64_t(caps.binding_range / a_line) - halo;
    int64_t by_grid = int64_t(caps.workgroup_count[0]) * variant.tile->rows / out_line;
    int64_t height = std::min(
        {int64_t(caps.binding_range / d_line), by_a * map.up[axis] / map.stride[axis], by_grid});
    height = std::min(height / step * step, (map.out[axis] + step - 1) / step * step);
    if (height <= 0)
        throw ModelError("[" + std::string(op) +
                         "] a row of the tensor exceeds the device's binding range");
    for (int64_t image = 0; image < map.images; image++)
        for (int64_t y = 0; y < map.out[axis]; y += height)
            launch_product(lowering,
                           band_of(p, axis, image, y, std::min(y + height, map.out[axis]),
                                   caps.offset_alignment),
                           op);
}

// One launch or more for each matrix of a batch that is too large as a whole.
void launch_each(Lowering& lowering, const Product& p, std::string_view op) {
    auto part = [&](const Operand& o, int64_t from, int64_t count) {
        uint64_t start = uint64_t(from) * size_of(o.dtype);
        if (start % lowering.caps().offset_alignment)
            throw ModelError("[" + std::string(op) +
                             "] a large batch whose matrices are not aligned");
        return o.window(start, uint64_t(count) * size_of(o.dtype));
    };
    for (int64_t i = 0; i < p.outer * p.inner; i++) {
        int64_t outer = i / p.inner, inner = i % p.inner;
        Product one = p;
        one.outer = one.inner = 1;
        one.a = part(p.a, outer * p.outer_a + inner * p.inner_a, p.rows() * p.pitch_a);
        one.b = part(p.b, outer * p.outer_b + inner * p.inner_b,
                     (p.transposed ? p.columns : p.channels) * p.pitch_b);
        one.d = part(p.d, outer * p.outer_d + inner * p.inner_d, p.rows() * p.pitch_d);
        launch_product(lowering, one, op);
    }
}

}   // namespace

Product with_statistics(Lowering& lowering, Product p, int64_t chunk) {
    if (p.outer * p.inner != 1 || p.pitch_d != p.columns || !lowering.wants_statistics(p.d))
        return p;
    const uint64_t channels = uint64_t(p.columns);
    p.statistics = lowering.scratch(div_up(p.rows(), chunk) * channels * 2 * sizeof(float));
    lowering.give_statistics(p.d, {{p.statistics, channels, uint64_t(chunk)}});
    return p;
}

PixelMap line_of(int64_t rows) {
    PixelMap map;
    map.in[2] = map.out[2] = rows;
    return map;
}

void launch_product(Lowering& lowering, const Product& p, std::string_view op) {
    const Caps& caps = lowering.caps();
    bool batched = p.outer > 1 || (p.inner > 1 && p.inner_d >= p.pitch_d);
    if (batched && std::max({p.a.size, p.b.size, p.d.size}) > caps.binding_range)
        return launch_each(lowering, p, op);
    if (p.b.size > caps.binding_range)
        throw ModelError("[" + std::string(op) + "] a weight exceeds the device's binding range");
    if (caps.loop_iterations &&
        uint64_t(p.map.tap_count() * (p.channels / 4 + 1)) >= caps.loop_iterations)
        throw ModelError("[" + std::string(op) +
                         "] too many channels for a driver that limits loops");
    if (has_bf16(p) && cheapest_storage(lowering, p).through_f32)
        return through_f32(lowering, p,
                           [&](const Product& wide) { launch_product(lowering, wide, op); });
    const bool in_range = std::max(p.a.size, p.d.size) <= caps.binding_range;
    if (in_range)
        if (const WinogradFilter* filter = preferred_winograd(lowering, p))
            return launch_winograd(lowering, p, *filter, op);
    ProductVariant variant = choose_product(lowering, p, op);
    if (variant.parts > 1) return launch_split(lowering, p, variant);
    if (in_range && div_up(p.rows(), variant.tile->rows) <= caps.workgroup_count[0])
        launch_variant(
            lowering,
            variant.family->statistics ? with_statistics(lowering, p, variant.tile->rows) : p,
            variant);
    else
        launch_bands(lowering, p, variant, op);
}

void launch_repack(Lowering& lowering, const Operand& from, const Operand& to, const Repack& s) {
    ensure(from.dtype == DType::f32 || s.out_columns % 4 == 0, "f16 rows are multiples of four");
    auto whole_words = [](Operand o) {
        o.size = (o.size + 3) / 4 * 4;
        return o;
    };
    int64_t groups = div_up(s.batch * s.out_rows * div_up(s.out_columns, 4), 64);
    uint32_t across = uint32_t(std::min<int64_t>(groups, lowering.caps().workgroup_count[0]));
    using namespace kernels::repack;
    lowering.launch(kernels::repack::launch(Variant::main, {.x = whole_words(from), .y = to},
                                            {.batch = uint32_t(s.batch),
                                             .rows = uint32_t(s.rows),
                                             .columns = uint32_t(s.columns),
                                             .out_rows = uint32_t(s.out_rows),
                                             .out_columns = uint32_t(s.out_columns)},
                                            {.half = is_half(from)},
                                            {across, div_up(groups, across), 1}));
}

Operand repacked(Lowering& lowering, const Operand& from, const Repack& s) {
    Operand to = lowering.scratch(
        uint64_t(s.batch * s.out_rows * s.out_columns) * size_of(from.dtype), from.dtype);
    launch_repack(lowering, from, to, s);
    return to;
}

void launch_any_product(Lowering& lowering, Product p, std::string_view op) {
    int64_t taps = p.map.tap_count(), channels = fours(p.channels), columns = fours(p.columns);
    if (channels == p.channels && columns == p.columns) return launch_product(lowering, p, op);
    int64_t pixels = p.map.images * p.map.in[0] * p.map.in[1] * p.map.in[2], rows = p.rows();
    int64_t old_columns = p.columns, batch_a = 1, batch_b = 1, batch = p.outer * p.inner;
    if (batch > 1) {
        batch_a = (p.outer_a ? p.outer : 1) * (p.inner_a ? p.inner : 1);
        batch_b = (p.outer_b ? p.outer : 1) * (p.inner_b ? p.inner : 1);
    }
    auto scaled = [](int64_t stride, int64_t from, int64_t to) { return stride / from * to; };
    if (channels != p.channels) {
        p.a = repacked(lowering, p.a, {batch_a, pixels, p.channels, pixels, channels});
        p.outer_a = scaled(p.outer_a, p.channels, channels);
        p.inner_a = scaled(p.inner_a, p.channels, channels);
    }
    int64_t b_size = taps * p.channels * p.columns;
    p.b = p.transposed
              ? repacked(lowering, p.b, {batch_b, p.columns, p.channels, columns, channels})
              : repacked(lowering, p.b, {batch_b * taps, p.channels, p.columns, channels, columns});
    p.outer_b = scaled(p.outer_b, b_size, taps * channels * columns);
    p.inner_b = scaled(p.inner_b, b_size, taps * channels * columns);
    p.pitch_a = p.channels = channels;
    p.pitch_b = p.transposed ? channels : columns;
    if (columns == p.columns) return launch_product(lowering, p, op);

    auto widen = [&](const Operand& o, int64_t lines) {
        return present(o) ? repacked(lowering, o, {1, lines, old_columns, lines, columns}) : o;
    };
    Operand d = p.d;
    p.bias = widen(p.bias, 1);
    p.residual =
        widen(p.residual, p.residual_kind == Product::Residual::image ? p.map.images : rows);
    p.d = lowering.scratch(uint64_t(batch * rows * columns) * size_of(d.dtype), d.dtype);
    p.outer_d = scaled(p.outer_d, old_columns, columns);
    p.inner_d = scaled(p.inner_d, old_columns, columns);
    p.pitch_d = p.columns = columns;
    launch_product(lowering, p, op);
    launch_repack(lowering, p.d, d, {1, batch * rows, columns, batch * rows, old_columns});
}

}   // namespace kiln
