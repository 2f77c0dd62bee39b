// A range of device memory. Cheap to copy: copies share the memory, which goes back to its arena
// with the last of them. Safe to hold after the Device object's handle went out of scope.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

namespace kiln {

namespace vk {
struct Block;
}   // namespace vk

// Who touches the memory: kernels only; the host writes it; the host reads it.
enum class Intent : uint8_t { device, upload, readback };

class Buffer {
public:
    Buffer() = default;
    explicit Buffer(std::shared_ptr<vk::Block> block, uint64_t offset, uint64_t size)
        : block_(std::move(block)), offset_(offset), size_(size) {}

    uint64_t size() const { return size_; }
    uint64_t offset() const { return offset_; }   // bytes from the start of the block
    explicit operator bool() const { return bool(block_); }
    Buffer slice(uint64_t offset, uint64_t size) const;   // ensure()s that it lies within
    std::byte* mapped() const;   // host address, or null when the memory is not host-visible
    const std::shared_ptr<vk::Block>& block() const { return block_; }
    bool operator==(const Buffer& other) const = default;

private:
    std::shared_ptr<vk::Block> block_;
    uint64_t offset_ = 0, size_ = 0;
};

}   // namespace kiln
