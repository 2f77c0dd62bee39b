// Where the weights of a graph lie when device memory does not hold them all, and how they come to
// its kernels.
#pragma once
#include <cstdint>

#include "runtime/vk/caps.h"

namespace kiln {

// Where weights that are not resident yet go. automatic: into device memory if they all fit, else
// streamed with as many kept as fit; resident: into device memory or Status::out_of_memory;
// streamed: with as little device memory as can be; host: not there at all, except small ones:
// kernels read them in the host's memory, which over a bus is the slowest.
enum class Placing : uint8_t { automatic, resident, streamed, host };

// How streamed weights come into device memory, while kernels work on those before them. by_host:
// written by the host into memory that it shares with the device; aside: copied by the device's
// transfer queue; between: copied between its kernels.
enum class Bringing : uint8_t { automatic, by_host, aside, between };
Bringing bringing_of(const Caps& caps);

// Whether kernels had better read a weight in the host's memory than in a copy of it, when it finds
// no room beside the others: `uses` is how often a run multiplies by each of its values.
bool read_in_place(const Caps& caps, double uses);

}   // namespace kiln
