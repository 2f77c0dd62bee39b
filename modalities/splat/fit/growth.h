// When splats become more while they are optimised, and how.
#pragma once
#include <string>
#include <string_view>

#include "modalities/splat/fit/densify.h"

namespace kiln {

enum class Growth : uint8_t {
    none,
    adaptive,    // adaptive density control: more where gradients are large
    relocated,   // Markov chain Monte Carlo: a fixed share more, what is dead moves
};

// "none", "adaptive" or "relocated"; anything else is none.
Growth growth_named(std::string_view name);

struct GrowthOptions {
    Growth kind = Growth::adaptive;
    uint32_t most = 200000;             // splats
    uint32_t every = 100, from = 500;   // steps
    uint32_t until = 0;                 // 0: half of the steps; 5 of 6 where relocated
    AdaptiveOptions adaptive;
    uint32_t reset_every = 3000;    // opacities, where adaptive; 0: never
    RelocationOptions relocation;   // and Optimiser::noise and weights, which are 0 by themselves
};

std::string flaw_of(const GrowthOptions& options);   // empty: none

// Whether anything changes after this step, the first being 1, of a run of so many.
bool grows_after(uint32_t step, uint32_t steps, const GrowthOptions& options);

// What changes then. `extent` is that of the scene.
void grow(Cloud& cloud, uint32_t step, const GrowthOptions& options, double extent, uint64_t seed);

}   // namespace kiln
