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
                                          const GraphOptions& options,
                                          std::vector<Buffer>& buffers) {
    WeightStream s;
    s.device_ = device;
    s.bringing_ =
        options.bringing == Bringing::automatic ? bringing_of(device->caps()) : options.bringing;
    const Placing placing = options.weights;
    const std::vector<uint32_t> slots = missing_weights(program);
    std::vector<std::shared_ptr<Weight>> missing;
    for (uint32_t slot : slots) missing.push_back(weight_of(program.slots[slot]));
    const uint64_t room = device->room(), wanted = missing_bytes(missing);
    Result<void> placed = Error{Status::out_of_memory, "weights of " + mebibytes(wanted) + " for " +
                                                           mebibytes(room) + " of device memory"};
    const bool apart = placing == Placing::streamed || placing == Placing::host;
    if (missing.empty() || (!apart && wanted <= room)) placed = make_resident(*device, missing);
    // A driver may have less than it says: then as little as can be.
    const auto full = [&] { return !placed && placed.error().status == Status::out_of_memory; };
    const uint64_t least = least_room(program, slots, device->caps());
    if (placing == Placing::host && full())
        placed = s.follow(program, plan_in_place(program, slots), buffers);
    if (placing == Placing::automatic && wanted > room && room > least && full())
        placed = s.stream(program, slots, room, buffers);
    if ((placing == Placing::automatic || placing == Placing::streamed) && full())
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
    const Caps& caps = device_->caps();
    std::optional<Streaming> plan = plan_streaming(program, slots, room, caps);
    if (!plan)
        return Error{Status::out_of_memory,
                     "weights that need " + mebibytes(least_room(program, slots, caps)) +
                         " even if streamed, for " + mebibytes(room) + " of device memory"};
    return follow(program, std::move(*plan), buffers);
}

Result<void> WeightStream::follow(const Program& program, Streaming plan,
                                  std::vector<Buffer>& buffers) {
    plan_ = std::move(plan);
    launches_ = int(program.launches.size());
    if (!plan_.segments.empty()) {
        auto ring = device_->allocate(2 * plan_.half, Intent::device, Sharing::apart);
        if (!ring) return ring.error();
        ring_ = *ring;
    }
    if (auto kept = keep(program, buffers); !kept) return kept;
    in_place_ = 0;
    for (uint32_t slot : plan_.in_place) {
        if (auto left = leave_on_host(program, slot, true); !left) return left;
        buffers[slot] = sources_.at(slot).memory->pinned.slice(0, program.slots[slot].bytes);
        in_place_ += program.slots[slot].bytes;
    }
    const bool pinned = bringing_ != Bringing::by_host;
    for (const Streaming::Segment& segment : plan_.segments)
        for (const Streaming::Brought& brought : segment.weights)
            if (auto left = leave_on_host(program, brought.slot, pinned); !left) return left;
    return {};
}

// What stays in device memory of its own.
Result<void> WeightStream::keep(const Program& program, std::vector<Buffer>& buffers) {
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
    return {};
}

Result<void> WeightStream::leave_on_host(const Program& program, uint32_t slot, bool pinned) {
    const std::shared_ptr<Weight>& weight = weight_of(program.slots[slot]);
    auto packed = weight->on_host(*device_, pinned);
    if (!packed) return packed.error();
    sources_[slot] = {std::move(*packed), weight->bytes()};
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

std::vector<CommandList::Copy> WeightStream::copies_of(size_t segment) const {
    std::vector<Copy> copies;
    for (const Streaming::Brought& brought : plan_.segments[segment].weights) {
        const Source& source = sources_.at(brought.slot);
        copies.push_back({source.memory->pinned.slice(0, source.bytes),
                          place_of(brought, segment).slice(0, source.bytes)});
    }
    return copies;
}

// Without a queue for it the device copies the next segment's weights between the launches of this
// one.
void WeightStream::queue_copies(size_t segment) {
    copies_.clear();
    copied_ = 0;
    const auto begin_of = [&](size_t s) {
        return s < plan_.segments.size() ? plan_.segments[s].first : launches_;
    };
    if (segment < plan_.segments.size()) copies_ = copies_of(segment);
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
    const bool between = bringing_ == Bringing::between;
    if (between && launch == 0) queue_copies(0);
    if (next_ < plan_.segments.size() && plan_.segments[next_].first == launch) {
        Result<void> filled;
        if (bringing_ == Bringing::by_host)
            filled = fill_by_host(next_, list);
        else if (bringing_ == Bringing::aside)
            filled = list.bring(copies_of(next_));
        else
            filled = copy(copies_.size(), list, hazards);
        if (!filled) return filled;
        if (between) queue_copies(next_ + 1);
        for (const Streaming::Brought& brought : plan_.segments[next_].weights)
            buffers[brought.slot] = place_of(brought, next_);
        next_++;
    }
    return between ? copy(copies_a_launch_, list, hazards) : Result<void>{};
}

}   // namespace kiln
