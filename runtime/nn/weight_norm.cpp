#include "runtime/nn/weight_norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace kiln {

std::optional<WeightNorm> weight_norm(const TensorFiles& files, const std::string& name) {
    constexpr std::string_view kLeaf = "weight";
    if (!name.ends_with(kLeaf)) return {};
    const std::string layer = name.substr(0, name.size() - kLeaf.size());
    for (const auto& [g, v] : {std::pair(layer + "weight_g", layer + "weight_v"),
                               std::pair(layer + "parametrizations.weight.original0",
                                         layer + "parametrizations.weight.original1")}) {
        const auto length = files.find(g), direction = files.find(v);
        if (length && direction) return WeightNorm{g, v, *length, *direction};
    }
    return {};
}

void apply_weight_norm(const WeightNorm& norm, int64_t first, int64_t count, float* values) {
    const DType type = take(norm.v.file->dtype(*norm.v.info));
    const std::vector<float> lengths = take(norm.g.file->values(*norm.g.info));
    const int64_t size = norm.v.info->shape.count() / norm.v.info->shape[0];
    const std::byte* bytes = norm.v.file->bytes(*norm.v.info).data();
    std::vector<float> row(static_cast<size_t>(size));
    for (int64_t at = first, end = first + count; at < end;) {
        const int64_t r = at / size, until = std::min(end, (r + 1) * size);
        to_f32(type, bytes, size_t(r * size), size_t(size), row.data());
        double square = 0;
        for (float value : row) square += double(value) * double(value);
        const float factor = float(double(lengths[size_t(r)]) / std::sqrt(square));
        for (; at < until; at++) values[at - first] *= factor;
    }
}

}   // namespace kiln
