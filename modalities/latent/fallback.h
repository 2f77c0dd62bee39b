// What a run gives up, one thing after another, where device memory does not suffice, and what it
// says when nothing is left to give up.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "modalities/latent/denoiser.h"

namespace kiln {

// The next thing to try for a job that did not fit, as a clause for people; none: nothing is left.
// In order: guidance in two passes, fewer pictures at once, and then, with everything else as it
// was `asked` for, weights that come from the host in each pass, and where kernels reach memory of
// the host (`host_memory`), weights that stay there. All but the size of a batch and the time it
// takes stays the same.
std::optional<std::string> yield_memory(DenoiserJob& job, const DenoiserJob& asked,
                                        bool host_memory);

// The side of the tiles to try for a sample whose longer side is `side` after `tile`
// (0: the whole) did not fit; none: there is nothing smaller.
std::optional<int> smaller_tile(int tile, int side, int factor);

struct Fit {
    uint64_t limit;              // bytes of device memory with which the job would fit
    int height = 0, width = 0;   // of latents that would fit now, as large as can be; 0: none
};

// `held` bytes are taken by what cannot be given back, and `limit` are allowed in all. Smaller
// sizes keep the width of the job, or its shape.
Fit what_fits(const DenoiserJob& job, bool keeps_width, uint64_t held, uint64_t limit,
              const std::function<GraphNeeds(const DenoiserJob&)>& needs);

// What a limit must be for `bytes`, in whole MiB: allocations are rounded up.
uint64_t limit_for(uint64_t bytes);

}   // namespace kiln
