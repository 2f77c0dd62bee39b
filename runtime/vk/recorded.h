// What a CommandList holds: chunks of recorded commands, and what a replay needs. Included only by
// command_list.cpp, which records, and replay.cpp.
#pragma once
#include <map>
#include <set>

#include "runtime/vk/command_list.h"
#include "runtime/vk/context.h"

namespace kiln {

// A command buffer. What follows each other is submitted together as far as time allows.
struct Chunk {
    struct Dispatch {
        std::string_view label;
        bool continues;   // the dispatch before it, which was divided
    };

    vk::QueryPool queries;
    int recorded = 0;   // commands
    std::vector<Dispatch> dispatches;
    std::function<void()> fill;   // runs before it is submitted,
    VkCommandBuffer bring = {};   // or is submitted to the transfer queue,
    size_t fill_after = 0;        // once so many chunks have finished
    vk::Semaphore brought;        // for which it waits
    double guess = 0;             // Pace::guess() of all that is in it
    double measured = -1;         // milliseconds in the last run; negative: none yet

    bool filled() const { return fill || bring; }
};

struct SetPool {
    vk::DescriptorPool pool;
    uint32_t sets, storage, texel;   // what is left
};

struct CommandList::State {
    State(std::shared_ptr<Device> d, vk::Context& c, bool with_times, int dispatches_a_chunk)
        : device(std::move(d)), context(c), timed(with_times), chunk_size(dispatches_a_chunk) {}

    std::shared_ptr<Device> device;
    vk::Context& context;
    bool timed;
    int chunk_size;
    bool finished = false, barrier_due = false, ran = false;
    size_t last_split = 0;   // the chunk that it began
    vk::CommandPool pool, transfer_pool;
    std::vector<Chunk> chunks;
    std::vector<VkCommandBuffer> commands;   // by chunk
    std::vector<SetPool> set_pools;
    std::map<std::tuple<VkBuffer, uint64_t, uint64_t, BindingKind>, vk::BufferView> views;
    std::set<std::shared_ptr<vk::Block>> blocks;   // all that is recorded stays alive
    std::set<Pipeline> pipelines;
    std::array<vk::Fence, 2> fences;   // of alternate submissions
    size_t dispatches = 0;
    std::vector<Submission> submissions;   // of the last run; as many reserved as there are chunks

    // Recording.
    using Grid = std::array<uint32_t, 3>;
    struct Recorded {
        std::string_view label;
        const Pipeline& pipeline;
        VkDescriptorSet set;
        std::span<const std::byte> push;
    };
    Result<void> record(const Recorded& what, const Grid& base, const Grid& count, double guess);
    Result<Chunk*> open_chunk(double guess);
    Result<void> start_chunk();
    Result<void> start_apart();
    Result<VkCommandBuffer> begin_commands(vk::CommandPool& from, uint32_t family);
    void record_copy(VkCommandBuffer recorder, const Buffer& source, const Buffer& target);
    Result<void> close_chunk(bool last);
    Result<VkDescriptorSet> make_set(const Pipeline& pipeline, std::span<const Binding> bindings);
    Result<VkDescriptorSet> take_set(const Pipeline& pipeline);
    Result<VkBufferView> view_of(const Buffer& buffer, BindingKind kind);

    // Replay.
    double expected(const Chunk& chunk) const;
    size_t batch_end(size_t begin) const;
    Result<void> fill(const Chunk& chunk);
    Result<void> submit(Submission submission);
    Result<void> wait(size_t index);
    void learn(size_t index);
    Error drained(Error error) const;
    Error lost(size_t finished_chunks, std::string_view call, VkResult result) const;
};

}   // namespace kiln
