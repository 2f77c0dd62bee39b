#include "modalities/audio/rank.h"

#include <algorithm>

namespace kiln {

void sort_by_similarity(std::vector<RankedTake>& takes) {
    std::sort(takes.begin(), takes.end(), [](const RankedTake& a, const RankedTake& b) {
        return a.similarity != b.similarity ? a.similarity > b.similarity
                                            : a.take.seed < b.take.seed;
    });
}

Result<std::vector<RankedTake>> rank(Clap& clap, std::span<const float> target,
                                     const std::vector<AudioTake>& takes,
                                     const AudioEvents& events) {
    std::vector<RankedTake> ranked;
    for (const AudioTake& each : takes) {
        if (events.progress) events.progress("ranking", int(ranked.size()), int(takes.size()));
        const auto heard = clap.embed(each.sound, events.cancelled);
        if (!heard) return heard.error();
        ranked.push_back({each, similarity(*heard, target)});
    }
    sort_by_similarity(ranked);
    return ranked;
}

}   // namespace kiln
