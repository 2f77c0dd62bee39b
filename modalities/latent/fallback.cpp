#include "modalities/latent/fallback.h"

#include <algorithm>

namespace kiln {

std::optional<std::string> yield_memory(DenoiserJob& job, const DenoiserJob& asked,
                                        bool host_memory) {
    if (job.guided && !job.two_passes) {
        job.two_passes = true;
        return "guidance in two passes";
    }
    if (job.samples > 1) {
        job.samples = (job.samples + 1) / 2;
        return std::to_string(job.samples) + " at once";
    }
    if (job.weights == Placing::host || (job.weights != Placing::resident && !host_memory))
        return {};
    job.two_passes = asked.two_passes;
    const bool stay = job.weights != Placing::resident;
    job.weights = stay ? Placing::host : Placing::automatic;
    return stay ? "weights that stay on the host" : "weights from the host in each pass";
}

std::optional<int> smaller_tile(int tile, int side, int factor) {
    constexpr int kLargest = 64, kSmallest = 8;   // latents
    int next = tile ? tile / 2 : kLargest * factor;
    while (next >= side) next /= 2;
    if (next < kSmallest * factor) return {};
    return next;
}

uint64_t limit_for(uint64_t bytes) {
    constexpr uint64_t kMebibyte = 1u << 20;
    return (bytes + bytes / 16 + 2 * kMebibyte - 1) / kMebibyte * kMebibyte;
}

Fit what_fits(const DenoiserJob& job, bool keeps_width, uint64_t held, uint64_t limit,
              const std::function<GraphNeeds(const DenoiserJob&)>& needs) {
    DenoiserJob least = job;
    least.two_passes = true;
    least.samples = 1;
    const auto wanted = [&](int height, int width) {
        least.height = height, least.width = width;
        return limit_for(held + needs(least).least(job.weights));
    };
    Fit fit{.limit = wanted(job.height, job.width)};
    const int shorter = keeps_width ? job.height : std::min(job.height, job.width);
    const auto scaled = [&](int side, int share) {
        return std::max(1, int(int64_t(side) * share / shorter));
    };
    const auto width = [&](int share) {
        return keeps_width ? job.width : scaled(job.width, share);
    };
    int fits = 0, too_large = shorter;
    while (too_large - fits > 1) {
        const int middle = (fits + too_large) / 2;
        if (wanted(scaled(job.height, middle), width(middle)) <= limit)
            fits = middle;
        else
            too_large = middle;
    }
    if (fits) fit.height = scaled(job.height, fits), fit.width = width(fits);
    return fit;
}

}   // namespace kiln
