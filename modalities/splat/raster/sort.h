// Prefix sums and stable sorts of u32 on the device, as launches. Shared memory only: right at
// every subgroup size, within 128 invocations and 16 KiB, without workgroups that wait for one
// another.
#pragma once
#include "modalities/splat/raster/launch_list.h"

namespace kiln {

// Words of scratch that scan() over n of them needs; may be 0.
uint64_t scan_scratch(uint64_t n);

// Exclusive prefix sum of x, u32 [n], in place. Sums saturate at 2^31 - 1; values are below that.
// The last of n + 1 words of which the last is 0 becomes the total. `scratch` holds at least
// scan_scratch(n) words, or one.
void scan(LaunchList& list, const Buffer& x, uint32_t n, const Buffer& scratch);

// What a sort works in. Pairs come in keys[0] and values[0]; both are overwritten.
struct SortMemory {
    Buffer keys[2], values[2];   // u32 [capacity] each
    Buffer scratch;              // sort_scratch(capacity) words
};
uint64_t sort_scratch(uint64_t capacity);

// Sorts min(count[counted], capacity) pairs by the lowest `bits` of their keys, a multiple of four
// at most 32, ascending; equal keys stay in order. `count` is read on the device. Returns which of
// keys[] and values[] hold the result.
int sort_pairs(LaunchList& list, const SortMemory& memory, uint32_t capacity, const Buffer& count,
               uint32_t counted, int bits);

}   // namespace kiln
