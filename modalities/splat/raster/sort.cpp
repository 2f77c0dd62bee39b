// Radix sort by digits of four bits: count, prefix sum, scatter.
// Source: Satish, Harris, Garland. Designing Efficient Sorting Algorithms for Manycore GPUs. 2009,
// section IV. Offsets come from a prefix sum between two launches and not by looking back at
// earlier workgroups, which Vulkan does not promise to run.
#include "modalities/splat/raster/sort.h"

#include <algorithm>

#include "kernels/scan.h"
#include "kernels/scan_sums.h"
#include "kernels/sort_count.h"
#include "kernels/sort_scatter.h"
#include "runtime/base/check.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

constexpr uint64_t kBlock = 1024, kDigits = 16;

// Where the sums of a level begin: buffers are bound at aligned offsets.
uint64_t padded(uint64_t words) { return (words + 63) / 64 * 64; }

void scan_level(LaunchList& list, const Operand& x, uint32_t n, const Operand& scratch) {
    const Caps& caps = list.device().caps();
    const uint32_t blocks = div_up(n, kBlock);
    const Grid grid = fold(caps, blocks);
    if (blocks == 1) {
        using namespace kernels::scan;
        list.add(launch(Variant::main, {.x = x, .starts = scratch}, {.count = n}, {}, grid));
        return;
    }
    const uint64_t own = padded(blocks) * 4;
    const Operand sums = scratch.window(0, own);
    list.add(kernels::scan_sums::launch(kernels::scan_sums::Variant::main, {.x = x, .sums = sums},
                                        {.count = n}, grid));
    scan_level(list, sums, blocks,
               blocks > kBlock ? scratch.window(own, scratch.size - own) : scratch);
    using namespace kernels::scan;
    list.add(launch(Variant::main, {.x = x, .starts = sums}, {.count = n}, {.based = true}, grid));
}

}   // namespace

uint64_t scan_scratch(uint64_t n) {
    uint64_t words = 0;
    for (uint64_t blocks = (n + kBlock - 1) / kBlock; blocks > 1;
         blocks = (blocks + kBlock - 1) / kBlock)
        words += padded(blocks);
    return words;
}

void scan(LaunchList& list, const Buffer& x, uint32_t n, const Buffer& scratch) {
    ensure(x.size() >= uint64_t(n) * 4 && scratch.size() >= scan_scratch(n) * 4,
           "memory of a prefix sum");
    if (n) scan_level(list, list.operand(x), n, list.operand(scratch));
}

uint64_t sort_scratch(uint64_t capacity) {
    const uint64_t histogram = padded(kDigits * ((capacity + kBlock - 1) / kBlock));
    return histogram + std::max<uint64_t>(scan_scratch(histogram), 64);
}

int sort_pairs(LaunchList& list, const SortMemory& memory, uint32_t capacity, const Buffer& count,
               uint32_t counted, int bits) {
    ensure(bits > 0 && bits <= 32 && bits % 4 == 0, "bits of a sort");
    if (!capacity) return 0;
    const uint32_t blocks = div_up(capacity, kBlock);
    const uint32_t entries = uint32_t(kDigits) * blocks;
    const uint64_t bytes = padded(entries) * 4;
    const Buffer histogram = memory.scratch.slice(0, bytes),
                 scratch = memory.scratch.slice(bytes, memory.scratch.size() - bytes);
    const Grid grid = fold(list.device().caps(), blocks);
    const Operand keys[2] = {list.operand(memory.keys[0]), list.operand(memory.keys[1])},
                  values[2] = {list.operand(memory.values[0]), list.operand(memory.values[1])},
                  counts = list.operand(count), starts = list.operand(histogram);
    int from = 0;
    for (int shift = 0; shift < bits; shift += 4, from ^= 1) {
        list.add(kernels::sort_count::launch(
            kernels::sort_count::Variant::main,
            {.keys = keys[from], .histogram = starts, .count = counts},
            {.capacity = capacity, .blocks = blocks, .counted = counted, .shift = uint32_t(shift)},
            grid));
        scan(list, histogram, entries, scratch);
        list.add(kernels::sort_scatter::launch(
            kernels::sort_scatter::Variant::main,
            {.keys = keys[from],
             .values = values[from],
             .moved = keys[from ^ 1],
             .carried = values[from ^ 1],
             .starts = starts,
             .count = counts},
            {.capacity = capacity, .blocks = blocks, .counted = counted, .shift = uint32_t(shift)},
            grid));
    }
    return from;
}

}   // namespace kiln
