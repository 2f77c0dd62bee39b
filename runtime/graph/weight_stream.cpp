#include "runtime/graph/weight_stream.h"

#include <cstring>

#include "runtime/base/bytes.h"

namespace kiln {
namespace {

const std::shared_ptr<Weight>& weight_of(const Slot& slot) { return slot.tensor.value().weight; }

}   // namespace

std::vector<uint32_t> missing_weights(const Program& program) {
    std::vector<uint32_t> missing;
    for (uint32_t i = 0; i < program.slots.size(); i++) {
        const Slot& slot = program.slots[i];
        if (slot.kind == Slot::Kind::parameter && weight_of(slot) && !weight_of(slot)->resident())
            missing.push_back(i);
    }
    return missing;
}

Result<WeightStream> WeightStream::create(std::shared_ptr<Device> device, const Program& program,
                                          Placing placing, std::vector<Buffer>& buffers) {
    WeightStream s;
    s.device_ = device;
    const std::vector<uint32_t> slots = missing_weights(program);
    std::vector<std::shared_ptr<Weight>> missing;
    for (uint32_t slot : slots) missing.push_back(weight_of(program.slots[slot]));
    const uint64_t room = device->room(), wanted = missing_bytes(missing);
    Result<void> placed = Error{Status::out_of_memory, "weights of " + mebibytes(wanted) + " for " +
                                                           mebibytes(room) + " of device memory"};
    if (missing.empty() || (placing != Placing::streamed && wanted <= room))
        placed = make_resident(*device, missing);
    // A driver may have less than it says: then as little as can be.
    const auto full = [&] { return !placed && placed.error().status == Status::out_of_memory; };
    const uint64_t least = least_room(program, slots);
    if (placing == Placing::automatic && wanted > room && room > least && full())
        placed = s.stream(program, slots, room, buffers);
    if (placing != Placing::resident && full())
        placed = s.stream(program, slots, std::min(room, least), buffers);
    if (!placed) return placed.error();
    for (uint32_t i = 0; i < program.slots.size(); i++) {
        const Slot& slot = program.slots[i];
        if (slot.kind != Slot::Kind::parameter || !weight_of(slot)) continue;
        if (const Buffer& memory = weight_of(slot)->resident())
            buffers[i] = memory.slice(0, slot.bytes);
    }
    return s;
}

Result<void> WeightStream::stream(const Program& program, const std::vector<uint32_t>& slots,
                                  uint64_t room, std::vector<Buffer>& buffers) {
    std::optional<Streaming> plan = plan_streaming(program, slots, room);
    if (!plan)
        return Error{Status::out_of_memory,
                     "weights that need " + mebibytes(least_room(program, slots)) +
                         " even if streamed, for " + mebibytes(room) + " of device memory"};
    plan_ = std::move(*plan);
    launches_ = int(program.launches.size());
    if (!plan_.segments.empty()) {
        auto ring = device_->allocate(2 * plan_.half, Intent::device, Sharing::apart);
        if (!ring) return ring.error();
        ring_ = *ring;
    }
    std::vector<uint64_t> sizes;
    for (uint32_t slot : plan_.kept) sizes.push_back(program.slots[slot].bytes);
    auto places = allocate_together(*device_, sizes);
    if (!places) return places.error();
    std::vector<Weight*> kept;
    for (uint32_t slot : plan_.kept) kept.push_back(weight_of(program.slots[slot]).get());
    if (auto loaded = load(*device_, kept, *places); !loaded) return loaded;
    for (size_t i = 0; i < plan_.kept.size(); i++) {
        const uint32_t slot = plan_.kept[i];
        buffers[slot] = (*places)[i].slice(0, program.slots[slot].bytes);
    }
    for (const Streaming::Segment& segment : plan_.segments)
        for (const Streaming::Brought& brought : segment.weights) {
            const std::shared_ptr<Weight>& weight = weight_of(program.slots[brought.slot]);
            auto packed = weight->on_host(*device_);
            if (!packed) return packed.error();
            sources_[brought.slot] = {std::move(*packed), weight->bytes()};
        }
    return {};
}

Buffer WeightStream::place_of(const Streaming::Brought& weight, size_t segment) const {
    return ring_.slice(segment % 2 * plan_.half + weight.offset, weight.bytes);
}

// Where the device shares the host's memory, the host writes the ring between submissions.
Result<void> WeightStream::fill_by_host(size_t segment, CommandList& list) {
    std::vector<std::pair<Source, std::byte*>> fills;
    for (const Streaming::Brought& brought : plan_.segments[segment].weights)
        fills.push_back({sources_.at(brought.slot), place_of(brought, segment).mapped()});
    return list.split([fills = std::move(fills)] {
        for (const auto& [source, target] : fills)
            std::memcpy(target, source.memory->plain.data(), size_t(source.bytes));
    });
}

// Elsewhere the device copies the next segment's weights between the launches of this one.
void WeightStream::queue_copies(size_t segment) {
    copies_.clear();
    copied_ = 0;
    const auto begin_of = [&](size_t s) {
        return s < plan_.segments.size() ? plan_.segments[s].first : launches_;
    };
    if (segment < plan_.segments.size())
        for (const Streaming::Brought& brought : plan_.segments[segment].weights) {
            const Source& source = sources_.at(brought.slot);
            copies_.push_back(
                {source.memory->pinned, place_of(brought, segment).slice(0, source.bytes)});
        }
    const size_t launches = size_t(begin_of(segment) - (segment ? begin_of(segment - 1) : 0));
    copies_a_launch_ = launches ? (copies_.size() + launches - 1) / launches : copies_.size();
}

Result<void> WeightStream::copy(size_t count, CommandList& list, Hazards& hazards) {
    for (; count > 0 && copied_ < copies_.size(); count--, copied_++) {
        const Copy& c = copies_[copied_];
        if (hazards.conflicts(c.target, Access::write)) {
            list.barrier();
            hazards.clear();
        }
        hazards.add(c.target, Access::write);
        if (auto done = list.copy(c.source, c.target); !done) return done;
    }
    return {};
}

Result<void> WeightStream::before(int launch, CommandList& list, Hazards& hazards,
                                  std::vector<Buffer>& buffers) {
    if (plan_.segments.empty()) return {};
    const bool by_host = device_->caps().unified_memory;
    if (!by_host && launch == 0) queue_copies(0);
    if (next_ < plan_.segments.size() && plan_.segments[next_].first == launch) {
        if (by_host) {
            if (auto done = fill_by_host(next_, list); !done) return done;
        } else {
            if (auto done = copy(copies_.size(), list, hazards); !done) return done;
            queue_copies(next_ + 1);
        }
        for (const Streaming::Brought& brought : plan_.segments[next_].weights)
            buffers[brought.slot] = place_of(brought, next_);
        next_++;
    }
    return by_host ? Result<void>{} : copy(copies_a_launch_, list, hazards);
}

}   // namespace kiln
