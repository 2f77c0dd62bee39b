// THE table of product kernels, best first where speeds are equal, and the choice among them.
#include "runtime/ops/product_variants.h"

#include <algorithm>

#include "runtime/tensor/quantised.h"

namespace kiln {
namespace {

// How many workgroups it takes to keep the device busy.
double places(const Caps& caps) {
    if (caps.cores) return 2.0 * caps.cores;
    return caps.kind == DeviceKind::discrete ? 64 : caps.kind == DeviceKind::cpu ? 2 : 16;
}

constexpr double kLaunch = 5e5;   // multiplications of a place during another launch

// What normalising costs for each value of A that a tile loads, in multiplications.
double preparation(const Product& p) {
    if (!present(p.factors)) return 0;
    return p.before == Activation::none ? 10 : 25;
}

// In the multiplications that one invocation in all places does meanwhile at a speed of one. What
// the device could do beside too few workgroups counts as done.
double time_of(const Caps& caps, const Product& p, const ProductVariant& variant, double speed) {
    constexpr double kUnpacking = 10;   // multiplications in the time of making f16 of a code
    constexpr double kPartial = 100;    // multiplications in the time of writing and reading a sum
    const ProductTile& tile = *variant.tile;
    double parts = double(variant.parts), depth = double(p.channels * p.map.tap_count()) / parts;
    double groups = double(div_up(p.rows(), tile.rows)) *
                    div_up(p.computed_columns(), tile.columns) * double(p.outer * p.inner) * parts;
    double row = tile.columns / speed + preparation(p) / (variant.family->matrices ? 1 : speed);
    double unpacked =
        variant.family->matrices && is_quantised(p.b.dtype) ? kUnpacking * tile.columns : 0;
    double time = std::max(groups, places(caps)) * (tile.rows * row + unpacked) * depth;
    if (parts == 1) return time;
    return time + kPartial * parts * double(p.rows() * p.columns) + kLaunch * places(caps);
}

}   // namespace

std::span<const ProductFamily* const> product_families() {
    static const ProductFamily* const families[] = {
        &kProductMatrix2,   &kProductMatrix, &kProductCpu,       &kProductShared,
        &kProductRegisters, &kProductDot,    &kProductQuantised, &kProductMatrixQuantised};
    return families;
}

double normalising_time(const Caps& caps, double values) {
    const double value = caps.kind == DeviceKind::cpu ? 9 : 80;
    return value * values + kLaunch * places(caps);
}

double preparation_time(const Caps& caps, const Product& p) {
    return preparation(p) / (caps.kind == DeviceKind::cpu ? 10 : 1);
}

std::string ProductVariant::name() const {
    std::string name = "matmul." + std::string(family->name) + " " + std::to_string(tile->rows) +
                       "x" + std::to_string(tile->columns);
    return parts == 1 ? name : name + " k" + std::to_string(parts);
}

std::vector<ProductVariant> product_variants(const Caps& caps, const Product& product) {
    std::vector<ProductVariant> variants;
    for (const ProductFamily* family : product_families()) {
        if (family->quantised != is_quantised(product.b.dtype)) continue;
        if (has_bf16(product) && !family->bf16) continue;
        if (present(product.factors) && !family->normalises) continue;
        if (!family->fits(caps, product)) continue;
        for (const ProductTile& tile : family->tiles) {
            if (product.gated && !(family->gates && family->gates(tile))) continue;
            if (!tile.fits || tile.fits(caps, product)) variants.push_back({family, &tile});
        }
    }
    return variants;
}

ProductChoice cheapest_product(const Lowering& lowering, const Product& p) {
    ProductChoice best;
    for (ProductVariant variant : product_variants(lowering.caps(), p)) {
        auto found = lowering.tuning().measured().find(variant.name());
        double guess =
            found == lowering.tuning().measured().end() ? variant.tile->speed : found->second.speed;
        for (int64_t parts : {1, 2, 4, 8, 16}) {
            if (parts > 1 && !can_split(lowering.caps(), p, variant, parts)) break;
            variant.parts = parts;
            double speed = lowering.tuning().speed(variant.name(), guess);
            if (speed <= 0) continue;
            double time = time_of(lowering.caps(), p, variant, speed);
            if (!best.variant.family || time < best.time) best = {variant, time};
        }
    }
    return best;
}

ProductVariant choose_product(const Lowering& lowering, const Product& p, std::string_view op) {
    ProductVariant best = cheapest_product(lowering, p).variant;
    if (!best.family)
        throw ModelError("[" + std::string(op) + "] no kernel variant is left for this product");
    return best;
}

// Every matrix and every pixel counts once, however often the kernel reads it.
static Work work_of(const Product& p) {
    double batch = double(p.outer * p.inner);
    double batch_a = double(p.outer_a ? p.outer : 1) * double(p.inner_a ? p.inner : 1);
    double batch_b = double(p.outer_b ? p.outer : 1) * double(p.inner_b ? p.inner : 1);
    double taps = double(p.map.tap_count()), rows = double(p.rows()),
           columns = double(p.computed_columns());
    double pixels = double(p.map.images * p.map.in[0] * p.map.in[1] * p.map.in[2]);
    double values = rows * columns * batch, depth = double(p.channels) * taps;
    double b = is_quantised(p.b.dtype) ? double(p.b.size)
                                       : batch_b * depth * columns * double(size_of(p.b.dtype));
    double d = rows * double(p.columns) * batch * double(size_of(p.d.dtype));
    return {.flops = 2 * values * depth,
            .bytes = batch_a * pixels * double(p.channels) * double(size_of(p.a.dtype)) + b + d +
                     (p.residual_kind == Product::Residual::same ? d : 0)};
}

void launch_variant(Lowering& lowering, const Product& p, const ProductVariant& variant) {
    variant.family->launch(lowering, p, *variant.tile);
    std::string shape = std::to_string(p.rows()) + "x" + std::to_string(p.columns) + "x" +
                        std::to_string(p.channels);
    if (p.map.tap_count() > 1) shape += "x" + std::to_string(p.map.tap_count());
    if (p.outer * p.inner > 1) shape = std::to_string(p.outer * p.inner) + " " + shape;
    lowering.note({work_of(p), variant.name(), std::move(shape)});
}

bool reads_texels(const Caps& caps, const Product& p) {
    auto reaches = [&](const Operand& o) {
        return !present(o) || o.size / (4 * size_of(o.dtype)) <= caps.texel_elements;
    };
    return reaches(p.a) && reaches(p.b) && reaches(p.bias) && reaches(p.residual);
}

}   // namespace kiln
