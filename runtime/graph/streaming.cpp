#include "runtime/graph/streaming.h"

#include <algorithm>

#include "runtime/graph/placing.h"

namespace kiln {
namespace {

constexpr uint64_t kSmall = 64u << 10;       // kept: a copy costs more than its memory
constexpr uint64_t kMostHalf = 128u << 20;   // more brings nothing: transfers are long already
constexpr uint64_t kShareOfRoom = 8;         // a half takes at most one part in so many

uint64_t rounded(uint64_t bytes) {
    return (bytes + kWeightAlignment - 1) / kWeightAlignment * kWeightAlignment;
}

// How often a run multiplies by each value of a weight.
std::vector<double> uses_of_values(const Program& program) {
    std::vector<double> uses(program.slots.size());
    for (size_t i = 0; i < program.launches.size(); i++)
        for (const Operand& operand : program.launches[i].operands) {
            const Slot& slot = program.slots[operand.slot];
            if (slot.kind == Slot::Kind::parameter)
                uses[operand.slot] += program.origins[i].note.work.flops / 2 /
                                      double(std::max<int64_t>(slot.tensor.shape().count(), 1));
        }
    return uses;
}

// The weights by what becomes of them; the large ones in the order of their use, and by launch.
struct Uses {
    std::vector<uint32_t> small, in_place, order;
    std::vector<std::vector<uint32_t>> by_launch;
    uint64_t small_bytes = 0, large_bytes = 0;
    uint64_t widest = 0;   // bytes of the launch with the largest weights
};

Uses uses_of(const Program& program, const std::vector<uint32_t>& slots, const Caps& caps) {
    enum : uint8_t { other, wanted, seen };
    std::vector<uint8_t> state(program.slots.size(), other);
    const std::vector<double> values = uses_of_values(program);
    Uses uses;
    for (uint32_t slot : slots) {
        const uint64_t bytes = program.slots[slot].bytes;
        if (bytes <= kSmall)
            uses.small.push_back(slot), uses.small_bytes += rounded(bytes);
        else if (read_in_place(caps, values[slot]))
            uses.in_place.push_back(slot);
        else
            state[slot] = wanted;
    }
    for (const Launch& launch : program.launches) {
        std::vector<uint32_t>& here = uses.by_launch.emplace_back();
        uint64_t width = 0;
        for (const Operand& operand : launch.operands) {
            uint8_t& s = state[operand.slot];
            if (s == other || std::find(here.begin(), here.end(), operand.slot) != here.end())
                continue;
            const uint64_t bytes = rounded(program.slots[operand.slot].bytes);
            here.push_back(operand.slot);
            width += bytes;
            if (s == wanted) uses.order.push_back(operand.slot), uses.large_bytes += bytes;
            s = seen;
        }
        uses.widest = std::max(uses.widest, width);
    }
    return uses;
}

// Marks what to keep of `order`, `room` bytes at most.
std::vector<bool> keep_evenly(const Program& program, const Uses& uses, uint64_t room) {
    std::vector<bool> keep(program.slots.size());
    uint64_t kept = 0, passed = 0;
    const auto take = [&](uint32_t slot, uint64_t bytes) { keep[slot] = true, kept += bytes; };
    for (uint32_t slot : uses.order) {
        const uint64_t bytes = rounded(program.slots[slot].bytes);
        passed += bytes;
        const double share = double(room) * double(passed) / double(uses.large_bytes);
        if (double(kept + bytes) <= share) take(slot, bytes);
    }
    for (uint32_t slot : uses.order) {
        const uint64_t bytes = rounded(program.slots[slot].bytes);
        if (!keep[slot] && kept + bytes <= room) take(slot, bytes);
    }
    return keep;
}

}   // namespace

uint64_t least_room(const Program& program, const std::vector<uint32_t>& slots, const Caps& caps) {
    const Uses uses = uses_of(program, slots, caps);
    return uses.small_bytes + 2 * uses.widest;
}

Streaming plan_in_place(const Program& program, const std::vector<uint32_t>& slots) {
    Streaming plan;
    for (uint32_t slot : slots)
        (program.slots[slot].bytes <= kSmall ? plan.kept : plan.in_place).push_back(slot);
    return plan;
}

std::optional<Streaming> plan_streaming(const Program& program, const std::vector<uint32_t>& slots,
                                        uint64_t room, const Caps& caps) {
    const Uses uses = uses_of(program, slots, caps);
    if (room < uses.small_bytes + 2 * uses.widest) return {};
    Streaming plan;
    plan.kept = uses.small;
    plan.in_place = uses.in_place;
    room -= uses.small_bytes;
    plan.half = std::max(uses.widest, rounded(std::min(room / kShareOfRoom, kMostHalf)));
    const std::vector<bool> keep = keep_evenly(program, uses, room - 2 * plan.half);
    for (uint32_t slot : uses.order)
        if (keep[slot]) plan.kept.push_back(slot);

    uint64_t filled = plan.half + 1;   // so that the first weight begins a segment
    for (size_t launch = 0; launch < uses.by_launch.size(); launch++) {
        std::vector<uint32_t> missing;
        uint64_t bytes = 0;
        const auto is_here = [&](uint32_t slot) {
            const auto& weights = plan.segments.back().weights;
            return std::any_of(weights.begin(), weights.end(),
                               [slot](const auto& w) { return w.slot == slot; });
        };
        for (uint32_t slot : uses.by_launch[launch])
            if (!keep[slot] && (plan.segments.empty() || !is_here(slot)))
                missing.push_back(slot), bytes += rounded(program.slots[slot].bytes);
        if (missing.empty()) continue;
        if (filled + bytes > plan.half) {
            missing.clear();
            for (uint32_t slot : uses.by_launch[launch])
                if (!keep[slot]) missing.push_back(slot);
            plan.segments.push_back({int(launch), {}});
            filled = 0;
        }
        for (uint32_t slot : missing) {
            const uint64_t bytes_of_slot = program.slots[slot].bytes;
            plan.segments.back().weights.push_back({slot, filled, bytes_of_slot});
            filled += rounded(bytes_of_slot);
            plan.brought += bytes_of_slot;
        }
    }
    return plan;
}

}   // namespace kiln
