#include <algorithm>
#include <cstring>

#include "runtime/vk/context.h"

namespace kiln::vk {
namespace {

constexpr uint64_t kHalf = 4u << 20;

}   // namespace

Result<void> Staging::prepare(Context& context, Intent intent) {
    if (!pool_) {
        VkCommandPoolCreateInfo info{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, nullptr,
                                     VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                     *context.physical.compute_family};
        VkCommandPool pool = {};
        VkResult result = vkCreateCommandPool(context.device, &info, nullptr, &pool);
        if (result != VK_SUCCESS) return failure("vkCreateCommandPool", result);
        pool_ = CommandPool(context.device, pool);
    }
    for (Half& half : halves_) {
        if (!half.commands) {
            VkCommandBufferAllocateInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                             nullptr, pool_.get(), VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                             1};
            VkResult result = vkAllocateCommandBuffers(context.device, &info, &half.commands);
            if (result != VK_SUCCESS) return failure("vkAllocateCommandBuffers", result);
            context.calls.command_buffers++;
        }
        if (!half.fence) {
            VkFenceCreateInfo info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
            VkFence fence = {};
            VkResult result = vkCreateFence(context.device, &info, nullptr, &fence);
            if (result != VK_SUCCESS) return failure("vkCreateFence", result);
            half.fence = Fence(context.device, fence);
        }
        Buffer& buffer = intent == Intent::upload ? half.upload : half.readback;
        if (buffer) continue;
        Result<std::shared_ptr<Block>> block =
            context.memory.allocate(context.shared_from_this(), kHalf, intent);
        if (!block) return block.error();
        buffer = Buffer(*block, 0, kHalf);
    }
    return {};
}

Result<void> Staging::submit(Context& context, Half& half, const Buffer& source,
                             const Buffer& target) {
    VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
    VkResult result = vkBeginCommandBuffer(half.commands, &begin);
    if (result != VK_SUCCESS) return failure("vkBeginCommandBuffer", result);
    memory_barrier(half.commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                   VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT);
    const Block &from = *source.block(), &to = *target.block();
    VkBufferCopy copy{from.begin + source.offset(), to.begin + target.offset(), source.size()};
    vkCmdCopyBuffer(half.commands, from.buffer, to.buffer, 1, &copy);
    memory_barrier(half.commands,
                   VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT |
                       VK_PIPELINE_STAGE_HOST_BIT,
                   VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                       VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT |
                       VK_ACCESS_HOST_READ_BIT);
    result = vkEndCommandBuffer(half.commands);
    if (result != VK_SUCCESS) return failure("vkEndCommandBuffer", result);
    VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    info.commandBufferCount = 1;
    info.pCommandBuffers = &half.commands;
    context.submitted = true;
    context.calls.submissions++;
    result = vkQueueSubmit(context.queue, 1, &info, half.fence.get());
    if (result != VK_SUCCESS) return failure("vkQueueSubmit of a copy", result);
    half.busy = true;
    return {};
}

Result<void> Staging::wait(Context& context, Half& half) {
    if (!half.busy) return {};
    VkFence fence = half.fence.get();
    VkResult result = vkWaitForFences(context.device, 1, &fence, VK_TRUE, UINT64_MAX);
    if (result == VK_SUCCESS) result = vkResetFences(context.device, 1, &fence);
    if (result != VK_SUCCESS) return failure("waiting for a copy", result);
    half.busy = false;
    return {};
}

Result<void> Staging::write(Context& context, const Buffer& target, const std::byte* source) {
    if (Result<void> r = prepare(context, Intent::upload); !r) return r;
    int turn = 0;
    for (uint64_t done = 0; done < target.size(); done += kHalf, turn ^= 1) {
        Half& half = halves_[size_t(turn)];
        uint64_t bytes = std::min(kHalf, target.size() - done);
        if (Result<void> r = wait(context, half); !r) return r;
        std::memcpy(half.upload.mapped(), source + done, bytes);
        Result<void> r =
            submit(context, half, half.upload.slice(0, bytes), target.slice(done, bytes));
        if (!r) return r;
    }
    for (Half& half : halves_) {
        if (Result<void> r = wait(context, half); !r) return r;
    }
    return {};
}

Result<void> Staging::read(Context& context, const Buffer& source, std::byte* target) {
    if (Result<void> r = prepare(context, Intent::readback); !r) return r;
    uint64_t pieces = (source.size() + kHalf - 1) / kHalf;
    auto bytes_of = [&](uint64_t piece) { return std::min(kHalf, source.size() - piece * kHalf); };
    for (uint64_t piece = 0; piece <= pieces; piece++) {
        if (piece < pieces) {
            Half& half = halves_[piece & 1];
            uint64_t bytes = bytes_of(piece);
            Result<void> r = submit(context, half, source.slice(piece * kHalf, bytes),
                                    half.readback.slice(0, bytes));
            if (!r) return r;
        }
        if (piece == 0) continue;
        Half& half = halves_[(piece - 1) & 1];
        if (Result<void> r = wait(context, half); !r) return r;
        std::memcpy(target + (piece - 1) * kHalf, half.readback.mapped(), bytes_of(piece - 1));
    }
    return {};
}

}   // namespace kiln::vk
