// Which weights of a graph keep their memory and which come anew in each run, when they do not all
// fit. The launches fall into segments; the weights of one segment fill one half of a ring while
// the segment before computes from the other half.
#pragma once
#include <optional>

#include "runtime/graph/program.h"

namespace kiln {

struct Streaming {
    struct Brought {
        uint32_t slot;
        uint64_t offset, bytes;   // in its half of the ring
    };
    struct Segment {
        int first;   // launch
        std::vector<Brought> weights;
    };
    std::vector<uint32_t> kept;       // slots
    std::vector<uint32_t> in_place;   // read in the host's memory
    std::vector<Segment> segments;    // segment i computes from half i % 2
    uint64_t half = 0;                // bytes
    uint64_t brought = 0;             // bytes a run
};

// For the weights in `slots` within `room` bytes of device memory; none when that is less than
// least_room(). As many as fit are kept, evenly over the launches, so that what is left to bring is
// spread evenly as well; small ones always are. What read_in_place() says stays on the host.
std::optional<Streaming> plan_streaming(const Program& program, const std::vector<uint32_t>& slots,
                                        uint64_t room, const Caps& caps);
uint64_t least_room(const Program& program, const std::vector<uint32_t>& slots, const Caps& caps);

// All on the host but small ones.
Streaming plan_in_place(const Program& program, const std::vector<uint32_t>& slots);

}   // namespace kiln
