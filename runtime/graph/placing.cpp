#include "runtime/graph/placing.h"

namespace kiln {

Bringing bringing_of(const Caps& caps) {
    const bool apart = caps.kind != DeviceKind::integrated && caps.kind != DeviceKind::cpu;
    if (caps.transfer_queue && (apart || !caps.unified_memory)) return Bringing::aside;
    return caps.unified_memory ? Bringing::by_host : Bringing::between;
}

// Tables, of which a run reads a few rows, and matrices for as few rows as a prompt has tokens
// cross the bus about once either way; others are read again by each tile of rows.
bool read_in_place(const Caps& caps, double uses) {
    constexpr double kFewUses = 80;
    if (!caps.host_memory) return false;
    return caps.kind == DeviceKind::integrated || uses <= kFewUses;
}

}   // namespace kiln
