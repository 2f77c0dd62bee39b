// Products that normalise A while they load it, instead of a kernel that does so before them.
#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/ops/product_variants.h"

namespace kiln {
namespace {

// The product with x in A, as kernels take it; nothing where they cannot.
std::optional<Product> loading(const Caps& caps, Product p, const Normalised& x) {
    const int64_t pixels = p.map.images * p.map.in[0] * p.map.in[1] * p.map.in[2];
    if (p.outer * p.inner != 1 || p.transposed || p.channels % 4 || p.pitch_a != p.channels ||
        is_quantised(p.b.dtype) || pixels % x.images)
        return {};
    if (p.map.images != x.images) {
        if (p.map.images != 1 || p.map.tap_count() != 1 || p.map.in != p.map.out) return {};
        p.map = line_of(pixels / x.images);
        p.map.images = x.images;
    }
    p.a = x.x;
    p.factors = x.factors;
    p.before = Activation(x.activation);
    if (has_bf16(p) || std::max(p.a.size, p.d.size) > caps.binding_range ||
        p.rows() / 8 >= caps.workgroup_count[0])   // no bands
        return {};
    return p;
}

// Whether it takes less time than `values` of A normalised first.
bool is_faster(const Lowering& lowering, Product p, double values) {
    const double speed = lowering.tuning().speed("norm.load", 1);
    if (speed <= 0) return false;
    p.columns = fours(p.columns);
    Product plain = p;
    plain.factors = {};
    const double with = convolution_time(lowering, p), without = convolution_time(lowering, plain);
    return std::isfinite(with) &&
           with / speed < without + normalising_time(lowering.caps(), values);
}

}   // namespace

void set_source(Lowering& lowering, Product& p, const Tensor& x) {
    if (const Normalised* from = lowering.normalised(x)) {
        std::optional<Product> product = loading(lowering.caps(), p, *from);
        if (product && is_faster(lowering, *product, double(x.shape().count()))) {
            p = *product;
            return;
        }
    }
    p.a = lowering.operand(x);
}

}   // namespace kiln
