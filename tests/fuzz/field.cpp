// Any bytes as the state of a fit of a radiance field: either refused, or as much of everything as
// was asked for, within what steps can go on from.
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "modalities/nerf/field_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace kiln;
    const auto bytes = std::as_bytes(std::span(data, size));
    for (const FieldExtent& extent : {FieldExtent{4, 8}, FieldExtent{6, 33}}) {
        const auto file = parse_field(bytes, "fuzz", extent);
        if (!file) {
            if (file.error().status != Status::bad_file || file.error().message.empty())
                std::abort();
            continue;
        }
        const FieldState& field = file->field;
        if (field.parameters.size() != extent.values || field.first.size() != extent.values ||
            field.second.size() != extent.values || file->densities.size() != extent.cells ||
            file->occupied.size() != (extent.cells + 31) / 32)
            std::abort();
        for (const float v : field.parameters)
            if (!(std::abs(v) <= kMostParameter)) std::abort();
        for (const float v : field.first)
            if (!std::isfinite(v)) std::abort();
        for (const float v : field.second)
            if (!std::isfinite(v) || v < 0) std::abort();
        for (const float v : file->densities)
            if (!(v >= -1)) std::abort();
    }
    return 0;
}
