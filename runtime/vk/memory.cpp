#include <algorithm>

#include "runtime/base/bytes.h"
#include "runtime/vk/context.h"

namespace kiln::vk {
namespace {

constexpr uint64_t kAlign = 256;        // of every block; the largest that drivers ask for
constexpr uint64_t kShareOfLeft = 16;   // an arena takes at most this part more than is asked for
constexpr uint64_t kSmallArena = 16u << 20, kLargeArena = 256u << 20;

uint64_t round_up(uint64_t value) { return (value + kAlign - 1) / kAlign * kAlign; }

struct Wish {
    VkMemoryPropertyFlags wanted, unwanted;
};

// Of the memory types in `allowed`, one with all of `wanted` and none of `unwanted` on the largest
// heap; the wishes come from the most to the least strict.
uint32_t pick_type(const VkPhysicalDeviceMemoryProperties& memory, uint32_t allowed,
                   std::initializer_list<Wish> wishes) {
    for (const Wish& wish : wishes) {
        std::optional<uint32_t> best;
        for (uint32_t i = 0; i < memory.memoryTypeCount; i++) {
            if (!(allowed >> i & 1)) continue;
            VkMemoryPropertyFlags flags = memory.memoryTypes[i].propertyFlags;
            if ((flags & wish.wanted) != wish.wanted || (flags & wish.unwanted)) continue;
            auto heap = [&](uint32_t t) {
                return memory.memoryHeaps[memory.memoryTypes[t].heapIndex].size;
            };
            if (!best || heap(i) > heap(*best)) best = i;
        }
        if (best) return *best;
    }
    return 0;
}

Result<VkBuffer> make_buffer(const Context& context, uint64_t bytes) {
    VkBufferCreateInfo info{VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
    info.size = bytes;
    info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                 VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
    const std::array<uint32_t, 2> families{*context.physical.compute_family,
                                           context.transfer_family()};
    if (context.caps.transfer_queue) {
        info.sharingMode = VK_SHARING_MODE_CONCURRENT;
        info.queueFamilyIndexCount = uint32_t(families.size());
        info.pQueueFamilyIndices = families.data();
    }
    VkBuffer buffer = {};
    VkResult result = vkCreateBuffer(context.device, &info, nullptr, &buffer);
    if (result != VK_SUCCESS) return failure("vkCreateBuffer", result);
    return buffer;
}

bool is_empty(const Arena& arena) {
    return !arena.free.empty() && arena.free.begin()->second == arena.size;
}

}   // namespace

Block::~Block() {
    if (arena) context->memory.release(*this);
}

Result<void> Memory::attach(Context& context) {
    context_ = &context;
    // All buffers have the same usage, hence the same memory types.
    Result<VkBuffer> probe = make_buffer(context, kAlign);
    if (!probe) return probe.error();
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(context.device, *probe, &needs);
    vkDestroyBuffer(context.device, *probe, nullptr);
    uint32_t types = needs.memoryTypeBits;
    constexpr VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    constexpr VkMemoryPropertyFlags host =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    constexpr VkMemoryPropertyFlags cached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    constexpr VkMemoryPropertyFlags odd =
        ~(local | host | cached);   // protected, lazily allocated, ...
    const auto& memory = context.physical.memory;
    types_[size_t(Intent::device)] =
        context.caps.unified_memory
            ? pick_type(
                  memory, types,
                  {{local | host | cached, odd}, {local | host, odd}, {local, odd}, {local, 0}})
            : pick_type(memory, types, {{local, odd | host}, {local, odd}, {local, 0}});
    types_[size_t(Intent::upload)] =
        pick_type(memory, types, {{host, odd | local}, {host, odd}, {host, 0}});
    types_[size_t(Intent::readback)] =
        pick_type(memory, types, {{host | cached, odd | local}, {host | cached, odd}, {host, 0}});
    return {};
}

uint64_t Memory::left(Intent intent) const {
    uint64_t left = UINT64_MAX;
    const VkMemoryType& type = context_->physical.memory.memoryTypes[types_[size_t(intent)]];
    uint64_t limit = context_->options.memory_limit;
    if (limit && type.propertyFlags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) {
        left = limit - std::min(limit, held_);
    }
    if (!context_->memory_budget) return left;
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2, &budget, {}};
    vkGetPhysicalDeviceMemoryProperties2(context_->physical.handle, &memory);
    uint64_t allowed = budget.heapBudget[type.heapIndex], used = budget.heapUsage[type.heapIndex];
    return allowed ? std::min(left, allowed - std::min(allowed, used)) : left;
}

Error Memory::exhausted(uint64_t bytes, uint64_t left) const {
    uint64_t limit = context_->options.memory_limit;
    return {Status::out_of_memory,
            "out of device memory on " + context_->caps.device + ": asked for " + mebibytes(bytes) +
                ", holding " + mebibytes(held_) + (limit ? ", allowed " + mebibytes(limit) : "") +
                (left != UINT64_MAX ? ", " + mebibytes(left) + " left" : "")};
}

Result<std::unique_ptr<Arena>> Memory::make_arena(uint64_t bytes, Intent intent) {
    auto arena = std::make_unique<Arena>();
    arena->size = bytes;
    arena->intent = intent;
    uint32_t type = types_[size_t(intent)];
    VkMemoryPropertyFlags flags = context_->physical.memory.memoryTypes[type].propertyFlags;
    arena->cached = flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    arena->counts = flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    VkDevice device = context_->device;
    Result<VkBuffer> buffer = make_buffer(*context_, bytes);
    if (!buffer) return buffer.error();
    arena->buffer = *buffer;
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(device, arena->buffer, &needs);
    if (!(needs.memoryTypeBits >> type & 1)) {
        destroy(*arena);
        return Error{Status::no_device,
                     context_->caps.device + ": no memory type for storage buffers"};
    }
    VkMemoryAllocateInfo request{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, nullptr, needs.size, type};
    context_->calls.allocations++;
    VkResult result = vkAllocateMemory(device, &request, nullptr, &arena->memory);
    if (result == VK_SUCCESS) result = vkBindBufferMemory(device, arena->buffer, arena->memory, 0);
    if (result == VK_SUCCESS && (intent != Intent::device || context_->caps.unified_memory)) {
        void* mapped = nullptr;
        result = vkMapMemory(device, arena->memory, 0, VK_WHOLE_SIZE, 0, &mapped);
        arena->mapped = static_cast<std::byte*>(mapped);
    }
    if (result != VK_SUCCESS) {
        destroy(*arena);
        return failure("vkAllocateMemory", result);
    }
    arena->free[0] = bytes;
    return arena;
}

Result<Arena*> Memory::grow(uint64_t bytes, Intent intent, Sharing sharing) {
    uint64_t wanted = std::clamp(held_ / 2 / kSmallArena * kSmallArena, kSmallArena, kLargeArena);
    wanted = std::min(wanted, context_->caps.allocation / kAlign * kAlign);
    uint64_t left = this->left(intent);
    if (left < bytes) {
        drop_empty();
        left = this->left(intent);
    }
    if (left < bytes) return exhausted(bytes, left);
    wanted = std::min(wanted, left / kShareOfLeft);
    const bool apart = sharing == Sharing::apart;
    uint64_t size = apart || bytes > wanted / 2 || left < wanted ? bytes : wanted;
    Result<std::unique_ptr<Arena>> arena = make_arena(size, intent);
    if (!arena && size > bytes) arena = make_arena(size = bytes, intent);
    if (!arena && arena.error().status == Status::out_of_memory) {
        drop_empty();
        arena = make_arena(size, intent);
    }
    if (!arena) {
        return arena.error().status == Status::out_of_memory ? exhausted(bytes, left)
                                                             : arena.error();
    }
    (*arena)->apart = apart;
    if ((*arena)->counts) held_ += size;
    peak_ = std::max(peak_, held_);
    return arenas_.emplace_back(std::move(arena).value()).get();
}

// The smallest free range that holds `bytes`; null: none does.
Arena* Memory::best_fit(uint64_t bytes, Intent intent, uint64_t& begin) const {
    Arena* home = nullptr;
    uint64_t best = UINT64_MAX;
    for (const auto& arena : arenas_) {
        if (arena->intent != intent) continue;
        for (auto [offset, length] : arena->free) {
            if (length >= bytes && length < best) home = arena.get(), begin = offset, best = length;
        }
    }
    return home;
}

Result<std::shared_ptr<Block>> Memory::allocate(std::shared_ptr<Context> context, uint64_t bytes,
                                                Intent intent, Sharing sharing) {
    ensure(bytes > 0, "an allocation of at least one byte");
    std::lock_guard lock(mutex_);
    if (bytes > context_->caps.allocation / kAlign * kAlign) {
        return Error{Status::out_of_memory, "one allocation of " + mebibytes(bytes) + " on " +
                                                context_->caps.device + ", which allows " +
                                                mebibytes(context_->caps.allocation)};
    }
    uint64_t size = round_up(bytes), begin = 0;
    Arena* home = sharing == Sharing::apart ? nullptr : best_fit(size, intent, begin);
    if (!home) {
        Result<Arena*> grown = grow(size, intent, sharing);
        if (!grown && sharing == Sharing::apart) home = best_fit(size, intent, begin);
        if (!grown && !home) return grown.error();
        if (grown) home = *grown;
    }
    uint64_t length = home->free.at(begin);
    home->free.erase(begin);
    if (length > size) home->free[begin + size] = length - size;
    auto block = std::make_shared<Block>();
    block->context = std::move(context);
    block->arena = home;
    block->buffer = home->buffer;
    block->begin = begin;
    block->size = size;
    block->mapped = home->mapped ? home->mapped + begin : nullptr;
    return block;
}

void Memory::release(Block& block) {
    std::lock_guard lock(mutex_);
    auto& free = block.arena->free;
    auto here = free.emplace(block.begin, block.size).first;
    if (auto next = std::next(here);
        next != free.end() && here->first + here->second == next->first) {
        here->second += next->second;
        free.erase(next);
    }
    if (here != free.begin()) {
        auto previous = std::prev(here);
        if (previous->first + previous->second == here->first) {
            previous->second += here->second;
            free.erase(here);
        }
    }
    const bool lasting = !block.arena->apart && block.arena->size <= kSmallArena;
    if (!lasting && free.begin()->second == block.arena->size) drop_empty();
}

void Memory::drop_empty() {
    std::erase_if(arenas_, [&](const auto& arena) {
        if (!is_empty(*arena)) return false;
        if (arena->counts) held_ -= arena->size;
        destroy(*arena);
        return true;
    });
}

void Memory::destroy(Arena& arena) {
    vkDestroyBuffer(context_->device, arena.buffer, nullptr);
    vkFreeMemory(context_->device, arena.memory, nullptr);
}

void Memory::clear() {
    for (const auto& arena : arenas_) destroy(*arena);
    arenas_.clear();
}

MemoryUse Memory::use() const {
    std::lock_guard lock(mutex_);
    uint32_t heap = context_->physical.memory.memoryTypes[types_[0]].heapIndex;
    uint64_t limit = context_->options.memory_limit;
    if (!limit) {
        uint64_t left = this->left(Intent::device);
        limit =
            left == UINT64_MAX ? context_->physical.memory.memoryHeaps[heap].size : held_ + left;
    }
    return {held_, peak_, limit};
}

uint64_t Memory::room() const {
    std::lock_guard lock(mutex_);
    uint64_t room = left(Intent::device);
    if (room == UINT64_MAX) return room;
    for (const auto& arena : arenas_)
        if (arena->counts && is_empty(*arena)) room += arena->size;
    return room;
}

}   // namespace kiln::vk

namespace kiln {

Buffer Buffer::slice(uint64_t offset, uint64_t size) const {
    ensure(block_ && offset <= size_ && size <= size_ - offset, "a slice within its buffer");
    return Buffer(block_, offset_ + offset, size);
}

std::byte* Buffer::mapped() const {
    return block_ && block_->mapped ? block_->mapped + offset_ : nullptr;
}

}   // namespace kiln
