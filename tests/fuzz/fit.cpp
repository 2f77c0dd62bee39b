// Any bytes as the state of a fit: either refused, or splats that stay sound when they grow, and
// exposures that are restored as they are or not at all.
#include <cstdint>
#include <cstdlib>

#include "modalities/splat/fit/exposures.h"
#include "modalities/splat/fit/fit_file.h"
#include "modalities/splat/fit/growth.h"
#include "modalities/splat/raster/sections.h"

namespace {

using namespace kiln;

constexpr size_t kMost = 64, kPictures = 2, kExposures = 19 * kPictures;

void grows(const Cloud& state, Growth kind) {
    Cloud cloud = state;
    GrowthOptions options{.kind = kind, .most = kMost, .every = 1, .from = 0, .reset_every = 1};
    options.adaptive.growth = options.relocation.growth = 0.5f;
    grow(cloud, 2, options, 1, 7);
    const size_t n = cloud.splats.size();
    if (n < 1 || n > kMost || !sound(cloud.splats)) std::abort();
    if (cloud.memory.first.size() != n || cloud.memory.lengths.size() != n) std::abort();
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    for (const int degree : {0, 1})
        for (const size_t exposures : {size_t(0), kExposures}) {
            const auto file = parse_fit(bytes, "fuzz", degree, kMost, exposures);
            if (!file) {
                if (file.error().status != Status::bad_file || file.error().message.empty())
                    std::abort();
                continue;
            }
            const size_t n = file->cloud.splats.size();
            if (n < 1 || n > kMost || !consistent(file->cloud.splats) ||
                file->exposures.size() != exposures)
                std::abort();
            for (const Growth kind : {Growth::adaptive, Growth::relocated})
                grows(file->cloud, kind);
            Exposures restored(kPictures);
            const std::vector<float> before = restored.values();
            const bool taken = exposures && restored.restore(file->exposures);
            if (restored.values() != (taken ? file->exposures : before)) std::abort();
        }
    return 0;
}
