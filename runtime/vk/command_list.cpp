#include <algorithm>

#include "runtime/vk/recorded.h"

namespace kiln {
namespace {

constexpr uint64_t kRangeUnit =
    16;   // blocks end on 256 bytes, so that rounding a range up is safe
constexpr uint32_t kFirstSets = 16, kMostSets = 512;   // descriptor sets a pool

uint64_t texel_bytes(BindingKind kind) { return kind == BindingKind::texel_rgba32f ? 16 : 8; }

}   // namespace

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

// A command buffer that is being recorded; the pool is made with the first.
Result<VkCommandBuffer> CommandList::State::begin_commands(vk::CommandPool& from, uint32_t family) {
    VkDevice vk_device = context.device;
    if (!from) {
        VkCommandPoolCreateInfo info{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, nullptr, 0,
                                     family};
        VkCommandPool handle = {};
        VkResult result = vkCreateCommandPool(vk_device, &info, nullptr, &handle);
        if (result != VK_SUCCESS) return vk::failure("vkCreateCommandPool", result);
        from = vk::CommandPool(vk_device, handle);
    }
    VkCommandBuffer recorder = {};
    VkCommandBufferAllocateInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, nullptr,
                                     from.get(), VK_COMMAND_BUFFER_LEVEL_PRIMARY, 1};
    VkResult result = vkAllocateCommandBuffers(vk_device, &info, &recorder);
    if (result != VK_SUCCESS) return vk::failure("vkAllocateCommandBuffers", result);
    context.calls.command_buffers++;
    VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    result = vkBeginCommandBuffer(recorder, &begin);
    if (result != VK_SUCCESS) return vk::failure("vkBeginCommandBuffer", result);
    return recorder;
}

Result<void> CommandList::State::start_chunk() {
    Chunk chunk;
    Result<VkCommandBuffer> begun = begin_commands(pool, *context.physical.compute_family);
    if (!begun) return begun.error();
    VkCommandBuffer recorder = *begun;
    if (timed) {
        VkQueryPoolCreateInfo queries{VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO};
        queries.queryType = VK_QUERY_TYPE_TIMESTAMP;
        queries.queryCount = uint32_t(2 * chunk_size);
        VkQueryPool handle = {};
        VkResult result = vkCreateQueryPool(context.device, &queries, nullptr, &handle);
        if (result != VK_SUCCESS) return vk::failure("vkCreateQueryPool", result);
        chunk.queries = vk::QueryPool(context.device, handle);
        vkCmdResetQueryPool(recorder, handle, 0, queries.queryCount);
    }
    // The first chunk also orders a replay after the run before it.
    barrier_due |= chunks.empty();
    chunks.push_back(std::move(chunk));
    commands.push_back(recorder);
    return {};
}

// The chunk for a command that was guessed to take so long.
Result<Chunk*> CommandList::State::open_chunk(double guess) {
    constexpr double kShare = 0.25;   // of a submission, at most, unless it is one command
    ensure(!finished, "recording into an unfinished command list");
    auto full = [&](const Chunk& chunk) {
        double longest = kShare * device->pace().longest() / device->pace().slowness();
        return chunk.recorded >= chunk_size || (chunk.recorded && chunk.guess + guess > longest);
    };
    if (!chunks.empty() && full(chunks.back())) {
        if (Result<void> r = close_chunk(false); !r) return r.error();
        if (Result<void> r = start_chunk(); !r) return r.error();
    } else if (chunks.empty()) {
        if (Result<void> r = start_chunk(); !r) return r.error();
    }
    Chunk& chunk = chunks.back();
    if (barrier_due) {
        vk::memory_barrier(commands.back(),
                           VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                           VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                               VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT);
        barrier_due = false;
    }
    chunk.recorded++;
    chunk.guess += guess;
    return &chunk;
}

Result<void> CommandList::State::close_chunk(bool last) {
    VkCommandBuffer recorder = commands.back();
    if (last) vk::memory_barrier(recorder, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
    VkResult result = vkEndCommandBuffer(recorder);
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
    context.calls.descriptor_sets++;
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
    context.calls.descriptor_writes += writes.size();
    vkUpdateDescriptorSets(context.device, uint32_t(writes.size()), writes.data(), 0, nullptr);
    return set;
}

// The workgroups [base, base + count) of a grid, as one command.
Result<void> CommandList::State::record(const Recorded& what, const Grid& base, const Grid& count,
                                        double guess) {
    Result<Chunk*> open = open_chunk(guess);
    if (!open) return open.error();
    Chunk& chunk = **open;
    VkCommandBuffer recorder = commands.back();
    const Pipeline& pipeline = what.pipeline;
    VkPipelineLayout layout = pipeline->layout.get();
    vkCmdBindPipeline(recorder, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->pipeline.get());
    vkCmdBindDescriptorSets(recorder, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &what.set, 0,
                            nullptr);
    if (!what.push.empty()) {
        vkCmdPushConstants(recorder, layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                           uint32_t(what.push.size()), what.push.data());
    }
    auto stamp = [&](uint32_t index) {
        if (!timed) return;
        vkCmdWriteTimestamp(recorder, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, chunk.queries.get(),
                            index);
    };
    auto first = uint32_t(2 * chunk.dispatches.size());
    stamp(first);
    if (pipeline->divisible)
        vkCmdDispatchBase(recorder, base[0], base[1], base[2], count[0], count[1], count[2]);
    else
        vkCmdDispatch(recorder, count[0], count[1], count[2]);
    stamp(first + 1);
    chunk.dispatches.push_back({what.label, base != Grid{}});
    return {};
}

// The axis along which a grid is divided, and how many workgroups make a part.
static std::pair<size_t, uint32_t> division(const vk::CompiledPipeline& pipeline,
                                            const std::array<uint32_t, 3>& grid, int parts) {
    size_t axis = pipeline.counts_workgroups ? 1 : 0;   // an index is made with the count of x
    for (size_t i = axis + 1; i < 3; i++)
        if (grid[i] > grid[axis]) axis = i;
    return {axis, std::max<uint32_t>((grid[axis] + uint32_t(parts) - 1) / uint32_t(parts), 1)};
}

Result<void> CommandList::dispatch(std::string_view label, const Pipeline& pipeline,
                                   std::span<const Binding> bindings,
                                   std::span<const std::byte> push, std::array<uint32_t, 3> grid,
                                   const Work& work) {
    State& s = *state_;
    ensure(bindings.size() == pipeline->bindings.size(), "one buffer a binding");
    ensure(push.size() == pipeline->push_bytes, "push constants of the kernel's size");
    for (size_t axis = 0; axis < 3; axis++) {
        ensure(grid[axis] > 0 && grid[axis] <= s.context.caps.workgroup_count[axis],
               "a grid within Caps::workgroup_count");
    }
    Result<VkDescriptorSet> set = s.make_set(pipeline, bindings);
    if (!set) return set.error();
    Work whole = work;
    if (whole.bytes == 0)
        for (const Binding& binding : bindings) whole.bytes += double(binding.buffer.size());
    const Pace& pace = s.device->pace();
    int parts = pipeline->divisible ? pace.parts(whole) : 1;
    auto [axis, step] = division(*pipeline, grid, parts);
    const State::Recorded what{label, pipeline, *set, push};
    for (uint32_t begin = 0; begin < grid[axis]; begin += step) {
        State::Grid base{}, count = grid;
        base[axis] = begin;
        count[axis] = std::min(step, grid[axis] - begin);
        double share = double(count[axis]) / double(grid[axis]);
        if (auto r = s.record(what, base, count, share * pace.guess(whole)); !r) return r;
    }
    s.pipelines.insert(pipeline);
    s.dispatches++;
    return {};
}

Result<void> CommandList::copy(const Buffer& source, const Buffer& target) {
    ensure(source && target && source.size() == target.size(),
           "a copy between buffers of one size");
    const Work moved{.bytes = 2.0 * double(source.size())};
    Result<Chunk*> chunk = state_->open_chunk(state_->device->pace().guess(moved));
    if (!chunk) return chunk.error();
    state_->record_copy(state_->commands.back(), source, target);
    return {};
}

void CommandList::State::record_copy(VkCommandBuffer recorder, const Buffer& source,
                                     const Buffer& target) {
    const vk::Block &from = *source.block(), &to = *target.block();
    VkBufferCopy copy{from.begin + source.offset(), to.begin + target.offset(), source.size()};
    vkCmdCopyBuffer(recorder, from.buffer, to.buffer, 1, &copy);
    blocks.insert({source.block(), target.block()});
}

// A chunk that is filled before it is submitted.
Result<void> CommandList::State::start_apart() {
    ensure(!finished, "recording into an unfinished command list");
    if (!chunks.empty())
        if (Result<void> r = close_chunk(false); !r) return r;
    if (Result<void> r = start_chunk(); !r) return r;
    chunks.back().fill_after = std::exchange(last_split, chunks.size() - 1);
    return {};
}

Result<void> CommandList::split(std::function<void()> fill) {
    if (Result<void> r = state_->start_apart(); !r) return r;
    state_->chunks.back().fill = std::move(fill);
    return {};
}

Result<void> CommandList::bring(std::span<const Copy> copies) {
    State& s = *state_;
    if (Result<void> r = s.start_apart(); !r) return r;
    Result<VkCommandBuffer> begun = s.begin_commands(s.transfer_pool, s.context.transfer_family());
    if (!begun) return begun.error();
    for (const Copy& c : copies) {
        ensure(c.source && c.target && c.source.size() == c.target.size(),
               "a copy between buffers of one size");
        s.record_copy(*begun, c.source, c.target);
    }
    VkResult result = vkEndCommandBuffer(*begun);
    if (result != VK_SUCCESS) return vk::failure("vkEndCommandBuffer", result);
    VkSemaphoreCreateInfo info{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    VkSemaphore handle = {};
    result = vkCreateSemaphore(s.context.device, &info, nullptr, &handle);
    if (result != VK_SUCCESS) return vk::failure("vkCreateSemaphore", result);
    s.chunks.back().brought = vk::Semaphore(s.context.device, handle);
    s.chunks.back().bring = *begun;
    return {};
}

Result<void> CommandList::finish() {
    State& s = *state_;
    ensure(!s.finished, "finishing a command list once");
    s.finished = true;
    s.submissions.reserve(s.chunks.size());
    for (vk::Fence& fence : s.fences) {
        VkFenceCreateInfo info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
        VkFence handle = {};
        VkResult result = vkCreateFence(s.context.device, &info, nullptr, &handle);
        if (result != VK_SUCCESS) return vk::failure("vkCreateFence", result);
        fence = vk::Fence(s.context.device, handle);
    }
    return s.chunks.empty() ? Result<void>{} : s.close_chunk(true);
}

}   // namespace kiln
