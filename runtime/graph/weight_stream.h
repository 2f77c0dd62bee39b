// The device memory of a graph's weights: all of them resident, or some streamed through a ring as
// plan_streaming() says. The ring's places are fixed when the graph is recorded.
#pragma once
#include "runtime/graph/graph.h"
#include "runtime/graph/hazards.h"
#include "runtime/graph/streaming.h"

namespace kiln {

class WeightStream {
public:
    // Finds memory for the weights of `program` and loads what stays in it. Fills `buffers` (by
    // slot) with the memory of those; the others get theirs in before().
    static Result<WeightStream> create(std::shared_ptr<Device> device, const Program& program,
                                       const GraphOptions& options, std::vector<Buffer>& buffers);

    // Called before each launch in order: where a segment begins, gives its weights their places
    // in the ring, and records what brings them there.
    Result<void> before(int launch, CommandList& list, Hazards& hazards,
                        std::vector<Buffer>& buffers);

    uint64_t brought() const { return plan_.brought; }   // bytes a run
    size_t segments() const { return plan_.segments.size(); }
    uint64_t in_place() const { return in_place_; }   // bytes

private:
    using Copy = CommandList::Copy;
    Result<void> stream(const Program& program, const std::vector<uint32_t>& slots, uint64_t room,
                        std::vector<Buffer>& buffers);
    Result<void> follow(const Program& program, Streaming plan, std::vector<Buffer>& buffers);
    Result<void> keep(const Program& program, std::vector<Buffer>& buffers);
    Result<void> leave_on_host(const Program& program, uint32_t slot, bool pinned);
    std::vector<Copy> copies_of(size_t segment) const;
    Buffer place_of(const Streaming::Brought& weight, size_t segment) const;
    Result<void> fill_by_host(size_t segment, CommandList& list);
    void queue_copies(size_t segment);
    Result<void> copy(size_t count, CommandList& list, Hazards& hazards);

    std::shared_ptr<Device> device_;
    Bringing bringing_ = Bringing::automatic;
    Streaming plan_;
    uint64_t in_place_ = 0;
    struct Source {
        std::shared_ptr<const Weight::OnHost> memory;
        uint64_t bytes;
    };
    std::unordered_map<uint32_t, Source> sources_;   // by slot, of what is not in device memory
    int launches_ = 0;
    Buffer ring_;
    size_t next_ = 0;            // segment
    std::vector<Copy> copies_;   // due before the next segment begins
    size_t copied_ = 0, copies_a_launch_ = 0;
};

// Weights that `program` uses and that are not resident.
std::vector<uint32_t> missing_weights(const Program& program);

}   // namespace kiln
