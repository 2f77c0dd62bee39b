#include "modalities/splat/symmetry.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "modalities/diffusion/distillation.h"
#include "modalities/diffusion/rng.h"
#include "modalities/splat/draws.h"

namespace kiln {
namespace {

constexpr double kNoisy = 0.98;   // share of the schedule that drawing begins at

// The means of the channels along the border.
std::vector<double> border(const PriorInfo& info, std::span<const float> latent) {
    std::vector<double> means;
    for (int c = 0; c < info.channels; c++) {
        double sum = 0, count = 0;
        for (int y = 0; y < info.height; y++)
            for (int x = 0; x < info.width; x++) {
                if (y > 0 && y + 1 < info.height && x > 0 && x + 1 < info.width) continue;
                sum += double(latent[size_t((c * info.height + y) * info.width + x)]), count++;
            }
        means.push_back(sum / count);
    }
    return means;
}

std::vector<Latent> drawn(Prior& prior, const ViewTexts& texts, const Orbit& orbit,
                          const SymmetryOptions& options, uint64_t seed) {
    const PriorInfo& info = prior.info();
    const int timestep = int(kNoisy * prior.schedule().size());
    const Latent nothing(info.latent_size());
    PromptEmbedding mixed;
    ViewText text = texts(orbit, mixed);
    text.avoided.clear();
    std::vector<Latent> noise(size_t(options.candidates), Latent(info.latent_size()));
    std::vector<NoisyView> views;
    for (size_t i = 0; i < noise.size(); i++) {
        Draws seeds(seed, i);
        TorchGenerator(uint64_t(seeds.share() * 4294967296.0)).normal(noise[i]);
        views.push_back({nothing, timestep, noise[i], text});
    }
    std::vector<Latent> all = take(distil(prior,
                                          {.method = DistillationOptions::Method::sampled,
                                           .cfg = options.cfg,
                                           .samples = options.samples},
                                          views));
    for (Latent& latent : all)   // from the way to them
        for (float& value : latent) value = -value;
    return all;
}

}   // namespace

double lopsidedness(const PriorInfo& info, std::span<const float> latent) {
    const std::vector<double> around = border(info, latent);
    double least = std::numeric_limits<double>::infinity();
    for (int shift = -1; shift <= 1; shift++) {
        double apart = 0, away = 0;
        for (int c = 0; c < info.channels; c++)
            for (int y = 0; y < info.height; y++)
                for (int x = 1; x + 1 < info.width; x++) {
                    const auto at = [&](int column) {
                        const int within = std::clamp(column, 0, info.width - 1);
                        return double(latent[size_t((c * info.height + y) * info.width + within)]);
                    };
                    const double value = at(x);
                    apart += std::pow(value - at(info.width - 1 - x + shift), 2) / 2;
                    away += std::pow(value - around[size_t(c)], 2);
                }
        least = std::min(least, apart / std::max(away, 1e-12));
    }
    return least;
}

Result<bool> is_symmetric(Prior& prior, const ViewTexts& texts, const SymmetryOptions& options,
                          uint64_t seed) {
    ensure(options.candidates > 0, "pictures to compare");
    std::array<std::vector<double>, 3> found;   // ascending: fronts, sides, backs
    try {
        for (size_t word = 0; word < found.size(); word++) {
            const Orbit orbit{.azimuth = 90.0 * double(word), .elevation = options.elevation};
            for (const Latent& latent : drawn(prior, texts, orbit, options, seed + word))
                found[word].push_back(lopsidedness(prior.info(), latent));
            std::sort(found[word].begin(), found[word].end());
        }
    } catch (const ResultError& failure) {
        return failure.error;
    }
    return std::min(found[0].front(), found[2].front()) <= options.lopsided * found[1].back();
}

}   // namespace kiln
