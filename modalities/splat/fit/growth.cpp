#include "modalities/splat/fit/growth.h"

#include <cmath>

namespace kiln {
namespace {

bool due(uint32_t step, const GrowthOptions& o) { return step > o.from && step % o.every == 0; }

bool resets(uint32_t step, const GrowthOptions& o) {
    return o.kind == Growth::adaptive && o.reset_every && step % o.reset_every == 0;
}

}   // namespace

Growth growth_named(std::string_view name) {
    return name == "adaptive"    ? Growth::adaptive
           : name == "relocated" ? Growth::relocated
                                 : Growth::none;
}

std::string flaw_of(const GrowthOptions& o) {
    if (o.kind != Growth::none && o.every < 1) return "splats grow every so many steps";
    const AdaptiveOptions& a = o.adaptive;
    const RelocationOptions& r = o.relocation;
    for (const float v : {a.gradient, a.clone_scale, a.least_opacity, a.most_scale, a.growth,
                          r.least_opacity, r.growth})
        if (!(v >= 0) || !std::isfinite(v)) return "limits of growth are finite and not below 0";
    if (!(a.shrink > 0) || !std::isfinite(a.shrink)) return "halves shrink by more than 0";
    return "";
}

bool grows_after(uint32_t step, uint32_t steps, const GrowthOptions& o) {
    if (o.kind == Growth::none) return false;
    const uint32_t until = o.until                      ? o.until
                           : o.kind == Growth::adaptive ? steps / 2
                                                        : uint32_t(uint64_t(steps) * 5 / 6);
    return step <= until && (due(step, o) || resets(step, o));
}

void grow(Cloud& cloud, uint32_t step, const GrowthOptions& o, double extent, uint64_t seed) {
    if (o.kind == Growth::relocated) {
        relocate(cloud, o.relocation, o.most, seed);
        return;
    }
    if (due(step, o))
        densify(cloud, o.adaptive, extent, o.reset_every && step > o.reset_every, o.most, seed);
    if (resets(step, o)) reset_opacity(cloud, 2 * o.adaptive.least_opacity);
}

}   // namespace kiln
