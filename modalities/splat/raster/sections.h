// How the arrays of splats lie in one buffer of the device: parameters, their gradients and the
// optimiser's moments alike.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "modalities/splat/splats.h"

namespace kiln {

// Where the parameters lie in a buffer of f32, and their gradients in another: sections for
// `capacity` splats each, of which the first ones are used.
struct SplatSections {
    uint64_t capacity;
    int sh_degree;
    uint64_t means() const { return 0; }
    uint64_t log_scales() const { return 3 * capacity; }
    uint64_t quaternions() const { return 6 * capacity; }
    uint64_t logits() const { return 10 * capacity; }
    uint64_t sh() const { return 11 * capacity; }
    uint64_t screen() const {   // of gradients only: lengths of those by the centre, a pixel
        return end();
    }
    uint64_t end() const { return sh() + 3 * uint64_t(sh_count(sh_degree)) * capacity; }
    bool operator==(const SplatSections&) const = default;
};

// end() values, those behind the splats 0. Harmonics beyond the degree are dropped, missing ones 0.
// No more splats than the capacity, with arrays of that size (invariants of the caller).
std::vector<float> pack(const Splats& splats, const SplatSections& sections);

// The first `count` splats of what pack() made. Says nothing of Splats::antialiased.
Splats unpack(std::span<const float> values, const SplatSections& sections, size_t count);

// Whether the arrays are as long as there are splats.
bool consistent(const Splats& splats);

}   // namespace kiln
