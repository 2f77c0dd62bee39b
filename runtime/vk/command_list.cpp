#include "runtime/vk/command_list.h"

#include <algorithm>
#include <map>
#include <set>

#include "runtime/vk/context.h"

namespace kiln {
namespace {

constexpr uint64_t kRangeUnit =
    16;   // blocks end on 256 bytes, so that rounding a range up is safe
constexpr uint32_t kFirstSets = 16, kMostSets = 512;   // descriptor sets a pool

uint64_t texel_bytes(BindingKind kind) { return kind == BindingKind::texel_rgba32f ? 16 : 8; }

// One submission: a command buffer with what is recorded in it.
struct Chunk {
    VkCommandBuffer commands = {};
    vk::QueryPool queries;
    int commands_recorded = 0;
    std::vector<std::string_view> labels;   // of its dispatches
    std::function<void()> fill;             // runs before it is submitted,
    size_t fill_after = 0;                  // once so many chunks have finished
};

struct SetPool {
    vk::DescriptorPool pool;
    uint32_t sets, storage, texel;   // what is left
};

}   // namespace

struct CommandList::State {
    State(std::shared_ptr<Device> d, vk::Context& c, bool with_times, int dispatches_a_chunk)
        : device(std::move(d)), context(c), timed(with_times), chunk_size(dispatches_a_chunk) {}

    std::shared_ptr<Device> device;
    vk::Context& context;
    bool timed;
    int chunk_size;
    bool finished = false, barrier_due = false, ran = false;
    size_t last_split = 0;   // the chunk that it began
    vk::CommandPool pool;
    std::vector<Chunk> chunks;
    std::vector<SetPool> set_pools;
    std::map<std::tuple<VkBuffer, uint64_t, uint64_t, BindingKind>, vk::BufferView> views;
    std::set<std::shared_ptr<vk::Block>> blocks;   // all that is recorded stays alive
    std::set<Pipeline> pipelines;
    std::array<vk::Fence, 2> fences;
    size_t dispatches = 0;

    Result<Chunk*> open_chunk();
    Result<void> start_chunk();
    Result<void> close_chunk(bool last);
    Result<VkDescriptorSet> make_set(const Pipeline& pipeline, std::span<const Binding> bindings);
    Result<VkDescriptorSet> take_set(const Pipeline& pipeline);
    Result<VkBufferView> view_of(const Buffer& buffer, BindingKind kind);
    Result<void> submit(size_t index);
    Result<void> wait(size_t index);
    Error drained(Error error) const;
    Error lost(size_t finished_chunks, std::string_view call, VkResult result) const;
};

CommandList::CommandList(std::shared_ptr<Device> device, bool timed, int chunk) {
    vk::Context& context = device->context();
    timed = timed && context.caps.timestamp_ns > 0;
    state_ = std::make_unique<State>(std::move(device), context, timed, std::max(chunk, 1));
}
CommandList::~CommandList() = default;
CommandList::CommandList(CommandList&&) noexcept = default;
CommandList& CommandList::operator=(CommandList&&) noexcept = default;

size_t CommandList::dispatches() const { return state_->dispatches; }
void CommandList::barrier() { state_->barrier_due = true; }

Result<void> CommandList::State::start_chunk() {
    VkDevice vk_device = context.device;
    if (!pool) {
        VkCommandPoolCreateInfo info{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, nullptr, 0,
                                     *context.physical.compute_family};
        VkCommandPool handle = {};
        VkResult result = vkCreateCommandPool(vk_device, &info, nullptr, &handle);
        if (result != VK_SUCCESS) return vk::failure("vkCreateCommandPool", result);
        pool = vk::CommandPool(vk_device, handle);
    }
    Chunk chunk;
    VkCommandBufferAllocateInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, nullptr,
                                     pool.get(), VK_COMMAND_BUFFER_LEVEL_PRIMARY, 1};
    VkResult result = vkAllocateCommandBuffers(vk_device, &info, &chunk.commands);
    if (result != VK_SUCCESS) return vk::failure("vkAllocateCommandBuffers", result);
    VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    result = vkBeginCommandBuffer(chunk.commands, &begin);
    if (result != VK_SUCCESS) return vk::failure("vkBeginCommandBuffer", result);
    if (timed) {
        VkQueryPoolCreateInfo queries{VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO};
        queries.queryType = VK_QUERY_TYPE_TIMESTAMP;
        queries.queryCount = uint32_t(2 * chunk_size);
        VkQueryPool handle = {};
        result = vkCreateQueryPool(vk_device, &queries, nullptr, &handle);
        if (result != VK_SUCCESS) return vk::failure("vkCreateQueryPool", result);
        chunk.queries = vk::QueryPool(vk_device, handle);
        vkCmdResetQueryPool(chunk.commands, handle, 0, queries.queryCount);
    }
    // The first chunk also orders a replay after the run before it.
    barrier_due |= chunks.empty();
    chunks.push_back(std::move(chunk));
    return {};
}

Result<Chunk*> CommandList::State::open_chunk() {
    ensure(!finished, "recording into an unfinished command list");
    if (!chunks.empty() && chunks.back().commands_recorded >= chunk_size) {
        if (Result<void> r = close_chunk(false); !r) return r.error();
        if (Result<void> r = start_chunk(); !r) return r.error();
    } else if (chunks.empty()) {
        if (Result<void> r = start_chunk(); !r) return r.error();
    }
    Chunk& chunk = chunks.back();
    if (barrier_due) {
        vk::memory_barrier(chunk.commands,
                           VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                           VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                               VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT);
        barrier_due = false;
    }
    chunk.commands_recorded++;
    return &chunk;
}

Result<void> CommandList::State::close_chunk(bool last) {
    VkCommandBuffer commands = chunks.back().commands;
    if (last) vk::memory_barrier(commands, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
    VkResult result = vkEndCommandBuffer(commands);
    if (result != VK_SUCCESS) return vk::failure("vkEndCommandBuffer", result);
    return {};
}

Result<VkBufferView> CommandList::State::view_of(const Buffer& buffer, BindingKind kind) {
    uint64_t unit = texel_bytes(kind), texels = (buffer.size() + unit - 1) / unit;
    ensure(texels <= context.caps.texel_elements, "a texel view within Caps::texel_elements");
    const vk::Block& block = *buffer.block();
    vk::BufferView& view = views[{block.buffer, block.begin + buffer.offset(), texels, kind}];
    if (!view) {
        VkBufferViewCreateInfo info{VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO};
        info.buffer = block.buffer;
        info.format = kind == BindingKind::texel_rgba32f ? VK_FORMAT_R32G32B32A32_SFLOAT
                                                         : VK_FORMAT_R16G16B16A16_SFLOAT;
        info.offset = block.begin + buffer.offset();
        info.range = texels * unit;
        VkBufferView handle = {};
        VkResult result = vkCreateBufferView(context.device, &info, nullptr, &handle);
        if (result != VK_SUCCESS) return vk::failure("vkCreateBufferView", result);
        view = vk::BufferView(context.device, handle);
    }
    return view.get();
}

Result<VkDescriptorSet> CommandList::State::take_set(const Pipeline& pipeline) {
    auto all = uint32_t(pipeline->bindings.size());
    auto storage = uint32_t(
        std::count(pipeline->bindings.begin(), pipeline->bindings.end(), BindingKind::storage));
    auto fits = [&](const SetPool& p) {
        return p.sets && p.storage >= storage && p.texel >= all - storage;
    };
    if (set_pools.empty() || !fits(set_pools.back())) {
        uint32_t sets = std::min(kFirstSets << std::min<size_t>(set_pools.size(), 8), kMostSets);
        SetPool fresh{{}, sets, std::max(4 * sets, storage), std::max(2 * sets, all - storage)};
        std::array<VkDescriptorPoolSize, 2> sizes{
            {{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, fresh.storage},
             {VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, fresh.texel}}};
        VkDescriptorPoolCreateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
        info.maxSets = fresh.sets;
        info.poolSizeCount = uint32_t(sizes.size());
        info.pPoolSizes = sizes.data();
        VkDescriptorPool handle = {};
        VkResult result = vkCreateDescriptorPool(context.device, &info, nullptr, &handle);
        if (result != VK_SUCCESS) return vk::failure("vkCreateDescriptorPool", result);
        fresh.pool = vk::DescriptorPool(context.device, handle);
        set_pools.push_back(std::move(fresh));
    }
    SetPool& from = set_pools.back();
    VkDescriptorSetLayout layout = pipeline->set_layout.get();
    VkDescriptorSetAllocateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO, nullptr,
                                     from.pool.get(), 1, &layout};
    VkDescriptorSet set = {};
    VkResult result = vkAllocateDescriptorSets(context.device, &info, &set);
    if (result != VK_SUCCESS) return vk::failure("vkAllocateDescriptorSets", result);
    from.sets--, from.storage -= storage, from.texel -= all - storage;
    return set;
}

Result<VkDescriptorSet> CommandList::State::make_set(const Pipeline& pipeline,
                                                     std::span<const Binding> bindings) {
    Result<VkDescriptorSet> set = take_set(pipeline);
    if (!set) return set;
    const Caps& caps = context.caps;
    std::vector<VkDescriptorBufferInfo> buffers(bindings.size());
    std::vector<VkBufferView> texels(bindings.size());
    std::vector<VkWriteDescriptorSet> writes;
    for (uint32_t i = 0; i < bindings.size(); i++) {
        const Buffer& buffer = bindings[i].buffer;
        ensure(buffer && buffer.size() > 0, "a buffer for every binding");
        ensure(buffer.offset() % caps.offset_alignment == 0,
               "a binding aligned to Caps::offset_alignment");
        const vk::Block& block = *buffer.block();
        VkWriteDescriptorSet write{
            VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, nullptr, *set, i, 0, 1, {}, {}, {}, {}};
        if (pipeline->bindings[i] == BindingKind::storage) {
            ensure(buffer.size() <= caps.binding_range, "a binding within Caps::binding_range");
            uint64_t range = (buffer.size() + kRangeUnit - 1) / kRangeUnit * kRangeUnit;
            buffers[i] = {block.buffer, block.begin + buffer.offset(),
                          std::min(range, caps.binding_range)};
            write.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
            write.pBufferInfo = &buffers[i];
        } else {
            Result<VkBufferView> view = view_of(buffer, pipeline->bindings[i]);
            if (!view) return view.error();
            texels[i] = *view;
            write.descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
            write.pTexelBufferView = &texels[i];
        }
        writes.push_back(write);
        blocks.insert(buffer.block());
    }
    vkUpdateDescriptorSets(context.device, uint32_t(writes.size()), writes.data(), 0, nullptr);
    return set;
}

Result<void> CommandList::dispatch(std::string_view label, const Pipeline& pipeline,
                                   std::span<const Binding> bindings,
                                   std::span<const std::byte> push, std::array<uint32_t, 3> grid) {
    State& s = *state_;
    ensure(bindings.size() == pipeline->bindings.size(), "one buffer a binding");
    ensure(push.size() == pipeline->push_bytes, "push constants of the kernel's size");
    for (size_t axis = 0; axis < 3; axis++) {
        ensure(grid[axis] > 0 && grid[axis] <= s.context.caps.workgroup_count[axis],
               "a grid within Caps::workgroup_count");
    }
    Result<VkDescriptorSet> set = s.make_set(pipeline, bindings);
    if (!set) return set.error();
    Result<Chunk*> open = s.open_chunk();
    if (!open) return open.error();
    Chunk& chunk = **open;
    VkCommandBuffer commands = chunk.commands;
    VkPipelineLayout layout = pipeline->layout.get();
    VkDescriptorSet handle = *set;
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->pipeline.get());
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &handle, 0,
                            nullptr);
    if (!push.empty()) {
        vkCmdPushConstants(commands, layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, uint32_t(push.size()),
                           push.data());
    }
    auto stamp = [&](uint32_t index) {
        if (!s.timed) return;
        vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, chunk.queries.get(),
                            index);
    };
    auto first = uint32_t(2 * chunk.labels.size());
    stamp(first);
    vkCmdDispatch(commands, grid[0], grid[1], grid[2]);
    stamp(first + 1);
    chunk.labels.push_back(label);
    s.pipelines.insert(pipeline);
    s.dispatches++;
    return {};
}

Result<void> CommandList::copy(const Buffer& source, const Buffer& target) {
    ensure(source && target && source.size() == target.size(),
           "a copy between buffers of one size");
    Result<Chunk*> chunk = state_->open_chunk();
    if (!chunk) return chunk.error();
    const vk::Block &from = *source.block(), &to = *target.block();
    VkBufferCopy copy{from.begin + source.offset(), to.begin + target.offset(), source.size()};
    vkCmdCopyBuffer((*chunk)->commands, from.buffer, to.buffer, 1, &copy);
    state_->blocks.insert({source.block(), target.block()});
    return {};
}

Result<void> CommandList::split(std::function<void()> fill) {
    State& s = *state_;
    ensure(!s.finished, "recording into an unfinished command list");
    if (!s.chunks.empty())
        if (Result<void> r = s.close_chunk(false); !r) return r;
    if (Result<void> r = s.start_chunk(); !r) return r;
    s.chunks.back().fill = std::move(fill);
    s.chunks.back().fill_after = std::exchange(s.last_split, s.chunks.size() - 1);
    return {};
}

Result<void> CommandList::finish() {
    State& s = *state_;
    ensure(!s.finished, "finishing a command list once");
    s.finished = true;
    for (vk::Fence& fence : s.fences) {
        VkFenceCreateInfo info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
        VkFence handle = {};
        VkResult result = vkCreateFence(s.context.device, &info, nullptr, &handle);
        if (result != VK_SUCCESS) return vk::failure("vkCreateFence", result);
        fence = vk::Fence(s.context.device, handle);
    }
    return s.chunks.empty() ? Result<void>{} : s.close_chunk(true);
}

Error CommandList::State::lost(size_t finished_chunks, std::string_view call,
                               VkResult result) const {
    Error error = vk::failure(call, result);
    std::string_view last;
    for (size_t i = 0; i < finished_chunks; i++) {
        if (!chunks[i].labels.empty()) last = chunks[i].labels.back();
    }
    error.message += " on " + context.caps.device + ", chunk " +
                     std::to_string(finished_chunks + 1) + " of " + std::to_string(chunks.size()) +
                     "; last finished kernel: " + (last.empty() ? "none" : std::string(last));
    return error;
}

// What is still in flight must end before the list may go.
Error CommandList::State::drained(Error error) const {
    vkQueueWaitIdle(context.queue);
    return error;
}

Result<void> CommandList::State::submit(size_t index) {
    VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    info.commandBufferCount = 1;
    info.pCommandBuffers = &chunks[index].commands;
    context.submitted = true;
    VkResult result = vkQueueSubmit(context.queue, 1, &info, fences[index & 1].get());
    if (result != VK_SUCCESS)
        return lost(index - std::min<size_t>(index, 1), "vkQueueSubmit", result);
    return {};
}

Result<void> CommandList::State::wait(size_t index) {
    VkFence fence = fences[index & 1].get();
    VkResult result = vkWaitForFences(context.device, 1, &fence, VK_TRUE, UINT64_MAX);
    if (result == VK_SUCCESS) result = vkResetFences(context.device, 1, &fence);
    if (result != VK_SUCCESS) return lost(index, "vkWaitForFences", result);
    return {};
}

Result<void> Device::run(CommandList& list, const std::function<bool()>& cancelled) {
    CommandList::State& s = *list.state_;
    ensure(s.finished, "running a finished command list");
    s.ran = false;
    size_t submitted = 0, waited = 0;
    bool stop = false;
    while (waited < s.chunks.size() && !(stop && waited == submitted)) {
        stop = stop || (cancelled && cancelled());
        // Two chunks are in flight: enough to keep the device busy, few enough to stop soon.
        while (!stop && submitted < s.chunks.size() && submitted < waited + 2) {
            const Chunk& next = s.chunks[submitted];
            if (waited < next.fill_after) break;
            if (next.fill) next.fill();
            if (Result<void> r = s.submit(submitted); !r) return s.drained(r.error());
            submitted++;
        }
        if (waited == submitted) break;
        if (Result<void> r = s.wait(waited); !r) return s.drained(r.error());
        waited++;
    }
    if (waited < s.chunks.size()) return Error{Status::interrupted, "cancelled"};
    s.ran = true;
    return {};
}

std::vector<KernelTime> CommandList::times() const {
    const State& s = *state_;
    std::vector<KernelTime> out;
    if (!s.timed || !s.ran) return out;
    for (const Chunk& chunk : s.chunks) {
        if (chunk.labels.empty()) continue;
        std::vector<uint64_t> ticks(2 * chunk.labels.size());
        VkResult result =
            vkGetQueryPoolResults(s.context.device, chunk.queries.get(), 0, uint32_t(ticks.size()),
                                  ticks.size() * sizeof(uint64_t), ticks.data(), sizeof(uint64_t),
                                  VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
        if (result != VK_SUCCESS) return {};
        for (size_t i = 0; i < chunk.labels.size(); i++) {
            uint64_t passed = (ticks[2 * i + 1] - ticks[2 * i]) & s.context.physical.timestamp_mask;
            double ns = double(passed) * s.context.caps.timestamp_ns;
            out.push_back({chunk.labels[i], ns * 1e-6});
        }
    }
    return out;
}

}   // namespace kiln
