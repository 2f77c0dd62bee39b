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
                                       Placing placing, std::vector<Buffer>& buffers);

    // Called before each launch in order: where a segment begins, gives its weights their places
    // in the ring, and records what brings them there.
    Result<void> before(int launch, CommandList& list, Hazards& hazards,
                        std::vector<Buffer>& buffers);

    uint64_t brought() const { return plan_.brought; }   // bytes a run
    size_t segments() const { return plan_.segments.size(); }

private:
    struct Copy {
        Buffer source, target;
    };
    Result<void> stream(const Program& program, const std::vector<uint32_t>& slots, uint64_t room,
                        std::vector<Buffer>& buffers);
    Buffer place_of(const Streaming::Brought& weight, size_t segment) const;
    Result<void> fill_by_host(size_t segment, CommandList& list);
    void queue_copies(size_t segment);
    Result<void> copy(size_t count, CommandList& list, Hazards& hazards);

    std::shared_ptr<Device> device_;
    Streaming plan_;
    struct Source {
        std::shared_ptr<const Weight::OnHost> memory;
        uint64_t bytes;
    };
    std::unordered_map<uint32_t, Source> sources_;   // by slot, of what is brought
    int launches_ = 0;
    Buffer ring_;
    size_t next_ = 0;            // segment
    std::vector<Copy> copies_;   // due before the next segment begins
    size_t copied_ = 0, copies_a_launch_ = 0;
};

// Weights that `program` uses and that are not resident.
std::vector<uint32_t> missing_weights(const Program& program);

}   // namespace kiln
