#include "runtime/graph/place.h"

#include <algorithm>
#include <numeric>

namespace kiln {

struct Placed {
    uint64_t begin, end;
    int first, last;
};

// The lowest offset in one block at which `wanted` overlaps nothing that is alive with it.
static uint64_t lowest_fit(const std::vector<Placed>& block, const Lifetime& wanted,
                           uint64_t bytes) {
    uint64_t offset = 0;
    for (const Placed& p : block) {   // sorted by begin
        if (p.last < wanted.first || p.first > wanted.last) continue;
        if (offset + bytes <= p.begin) break;
        offset = std::max(offset, p.end);
    }
    return offset;
}

Placement place(const std::vector<Lifetime>& lifetimes, uint64_t alignment, uint64_t block_limit) {
    Placement result;
    result.places.resize(lifetimes.size());
    std::vector<size_t> order(lifetimes.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return lifetimes[a].bytes > lifetimes[b].bytes; });

    std::vector<std::vector<Placed>> blocks;
    for (size_t i : order) {
        const Lifetime& wanted = lifetimes[i];
        uint64_t bytes = (wanted.bytes + alignment - 1) / alignment * alignment;
        for (uint32_t b = 0;; b++) {
            if (b == blocks.size()) blocks.emplace_back(), result.blocks.push_back(0);
            uint64_t offset = lowest_fit(blocks[b], wanted, bytes);
            if (offset + bytes > block_limit && !blocks[b].empty()) continue;
            Placed placed{offset, offset + bytes, wanted.first, wanted.last};
            auto& block = blocks[b];
            block.insert(std::upper_bound(
                             block.begin(), block.end(), placed,
                             [](const Placed& x, const Placed& y) { return x.begin < y.begin; }),
                         placed);
            result.places[i] = {b, offset};
            result.blocks[b] = std::max(result.blocks[b], placed.end);
            break;
        }
    }
    return result;
}

}   // namespace kiln
