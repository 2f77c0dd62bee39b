#include "modalities/splat/raster/sections.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace kiln {

bool consistent(const Splats& s) {
    const size_t n = s.size();
    return s.sh_degree >= 0 && s.sh_degree <= kMaxShDegree && s.means.size() == n * 3 &&
           s.log_scales.size() == n * 3 && s.quaternions.size() == n * 4 &&
           s.sh.size() == n * size_t(sh_count(s.sh_degree)) * 3;
}

std::vector<float> pack(const Splats& splats, const SplatSections& to) {
    const size_t n = splats.size(), own = size_t(sh_count(to.sh_degree)) * 3,
                 theirs = size_t(sh_count(splats.sh_degree)) * 3;
    ensure(n <= to.capacity && consistent(splats), "splats that fit their sections");
    std::vector<float> values(to.end());
    const auto put = [&values](const std::vector<float>& part, uint64_t at) {
        std::copy(part.begin(), part.end(), values.begin() + int64_t(at));
    };
    put(splats.means, to.means());
    put(splats.log_scales, to.log_scales());
    put(splats.quaternions, to.quaternions());
    put(splats.logits, to.logits());
    for (size_t i = 0; i < n; i++)
        std::copy_n(splats.sh.begin() + int64_t(i * theirs), std::min(own, theirs),
                    values.begin() + int64_t(to.sh() + i * own));
    return values;
}

Splats unpack(std::span<const float> values, const SplatSections& from, size_t count) {
    ensure(count <= from.capacity && values.size() >= from.end(), "sections that hold the splats");
    Splats splats = make_splats(count, from.sh_degree);
    const auto get = [&values](std::vector<float>& part, uint64_t at) {
        std::copy_n(values.begin() + int64_t(at), part.size(), part.begin());
    };
    get(splats.means, from.means());
    get(splats.log_scales, from.log_scales());
    get(splats.quaternions, from.quaternions());
    get(splats.logits, from.logits());
    get(splats.sh, from.sh());
    return splats;
}

}   // namespace kiln
