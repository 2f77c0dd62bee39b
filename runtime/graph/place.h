// The memory plan: where each intermediate lies, so that those alive at the same time do not
// overlap.
#pragma once
#include <cstdint>
#include <vector>

namespace kiln {

// Something that must exist from launch `first` to launch `last`, both included.
struct Lifetime {
    uint64_t bytes;
    int first, last;
};

struct Place {
    uint32_t block;
    uint64_t offset;
};

struct Placement {
    std::vector<Place> places;      // one a lifetime
    std::vector<uint64_t> blocks;   // bytes of each block
};

// Greedy by size, lowest offset that fits: Pisarchyk and Lee. Efficient Memory Management for Deep
// Neural Net Inference. 2020, section 5.2. Offsets are multiples of `alignment`; no block exceeds
// `block_limit` unless one lifetime alone does.
Placement place(const std::vector<Lifetime>& lifetimes, uint64_t alignment, uint64_t block_limit);

}   // namespace kiln
