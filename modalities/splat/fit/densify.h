// Gives splats to where pictures are not explained yet and takes them from where they do nothing,
// on the host, between steps of the optimiser. Moments go with their splats.
#pragma once
#include <array>
#include <cstdint>

#include "modalities/splat/fit/optimiser.h"

namespace kiln {

struct Cloud {
    Splats splats;
    Optimiser::Memory memory;   // of exactly these splats
};

struct Densified {
    size_t cloned = 0, split = 0, pruned = 0, relocated = 0, added = 0;
};

// Adaptive density control.
// Source: Kerbl et al. 3D Gaussian Splatting. 2023, section 5.2.
struct AdaptiveOptions {
    float gradient = 2e-4f;   // by the centre, mean over pictures: from here on a splat is too few
    float clone_scale = 0.01f;   // of the extent: smaller ones are copied, larger ones split in two
    float least_opacity = 0.005f;   // fainter ones go
    // Of the extent, or of how far it is from the middle of the scene where that is more: larger
    // ones go, where `prune_large`.
    float most_scale = 0.1f;
    std::array<float, 3> middle{};
    float shrink = 1.6f;   // scales of the halves are the whole's over this
    // At most this share more at a time, those with the largest gradients: where their size says
    // little, `gradient` may be 0 (Rota Bulo, Porzi, Kontschieder. Revising Densification in
    // Gaussian Splatting. 2024).
    float growth = 1;
};

// Clones, splits and prunes; then `lengths` and `pictures` are 0. Where there would be more than
// `most` splats, those with the largest gradients come first. Never leaves none.
Densified densify(Cloud& cloud, const AdaptiveOptions& options, double extent, bool prune_large,
                  size_t most, uint64_t seed);

// Opacities above `opacity` become it; the moments of all of them 0.
void reset_opacity(Cloud& cloud, float opacity);

// Markov chain Monte Carlo.
// Source: Kheradmand et al. 3D Gaussian Splatting as Markov Chain Monte Carlo. 2024, section 3.3.
struct RelocationOptions {
    float least_opacity = 0.005f;   // fainter ones are dead
    float growth = 0.05f;           // of as many as there are
};

// What `copies` splats at the place of one become so that together they look like it: their
// opacity, and what the scales are multiplied by (equation 9 there, its sums exchanged:
// sum_j C(N, j) (-1)^(j-1) o^j / sqrt(j)). One of opacity in (0, 1); 1 to kMostCopies.
inline constexpr int kMostCopies = 51;
struct Share {
    double opacity, scale;
};
Share share_of(double opacity, int copies);

// Moves dead splats onto living ones, drawn in proportion to opacity, and adds new ones in the same
// way, up to `most`. Moments of all that changed are 0. Without any living ones, nothing.
Densified relocate(Cloud& cloud, const RelocationOptions& options, size_t most, uint64_t seed);

}   // namespace kiln
