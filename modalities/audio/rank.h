// Sounds in the order of how close they are to words, or to another sound, in CLAP's space. What
// several candidates are made for: Liu et al. AudioLDM. 2023; as AudioLDM2Pipeline of diffusers
// does for num_waveforms_per_prompt.
#pragma once
#include <vector>

#include "modalities/audio/clap.h"
#include "modalities/audio/pipeline.h"

namespace kiln {

struct RankedTake {
    AudioTake take;
    double similarity;   // from -1 to 1
};

// The closest to `target`, a vector of Clap::embed(), first; equally close ones by their seeds. A
// take that CLAP cannot hear is Status::usage.
Result<std::vector<RankedTake>> rank(Clap& clap, std::span<const float> target,
                                     const std::vector<AudioTake>& takes,
                                     const AudioEvents& events = {});
void sort_by_similarity(std::vector<RankedTake>& takes);

}   // namespace kiln
