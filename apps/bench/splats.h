// Drawing splats and differentiating the picture: a cloud that is always the same, at several
// sizes of it and of the picture.
#pragma once
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "apps/bench/peaks.h"

namespace kiln::bench {

struct SplatOptions {
    std::vector<int> counts;     // of splats; empty: 10,000, 100,000 and a million
    int width = 0, height = 0;   // of the picture; 0: 512 x 512 and 1024 x 1024
    int steps = 5;               // of which the median is taken
};

// One row a pass, forward and backward, on the host's clock with frames and million splats a
// second, then one for each kernel by timestamps, where the device has them, with its part of the
// pass; then backward by atomics, where the device has those. `gbs` and `share` are of the bytes
// that the kernels cannot do without: each reads and writes what it works on once, and every pair
// of a splat and a tile is one although a tile may be full before its last. `sums` is how many
// bytes the backward pass keeps for pairs, or for splats by atomics; `cpu_ms` is what all threads
// of this process worked, which on CPU drivers says more than the clock where others work too.
Result<void> run_splats(const std::shared_ptr<Device>& device, const SplatOptions& options,
                        const Peaks& peaks,
                        const std::function<void(const nlohmann::ordered_json&)>& each,
                        const std::function<bool()>& cancelled);

}   // namespace kiln::bench
