// Weight: the values of a parameter, which need not lie in device memory all the time. They can be
// had from where they come from (a file) at any time: into device memory for as long as wanted, or
// packed on the host, from where a graph brings them anew in each run.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "runtime/vk/device.h"

namespace kiln {

class Weight {
public:
    // Writes the values in the order of the device, `bytes` of them. May throw a ResultError: the
    // file holds NaN, say. May be called several times, from any thread, and keeps alive what it
    // reads.
    using Pack = std::function<void(std::byte* target)>;

    Weight(uint64_t bytes, Pack pack) : bytes_(bytes), pack_(std::move(pack)) {}

    uint64_t bytes() const { return bytes_; }

    // In device memory until evict(); graphs that were compiled in between keep that memory.
    const Buffer& resident() const { return resident_; }
    void evict() { resident_ = {}; }

    // Packed on the host for as long as somebody holds it: in plain memory, or `pinned` in memory
    // that the device reads, whole multiples of kWeightAlignment of it.
    struct OnHost {
        Buffer pinned;
        std::vector<std::byte> plain;
    };
    Result<std::shared_ptr<const OnHost>> on_host(Device& device, bool pinned);

private:
    friend Result<void> load(Device&, std::span<Weight* const>, std::span<const Buffer>);
    friend Result<void> make_resident(Device&, std::span<const std::shared_ptr<Weight>>);
    uint64_t bytes_;
    Pack pack_;
    Buffer resident_;
    std::weak_ptr<const OnHost> on_host_;
};

// Device memory for `sizes`, side by side in a few allocations; each range is aligned and rounded
// up to kWeightAlignment.
constexpr uint64_t kWeightAlignment = 256;
Result<std::vector<Buffer>> allocate_together(Device& device, std::span<const uint64_t> sizes);

// Each into its target, which holds its bytes(); several are packed at a time.
Result<void> load(Device& device, std::span<Weight* const> weights,
                  std::span<const Buffer> targets);

// All or none of those that are not resident yet. Status::out_of_memory: they do not fit.
Result<void> make_resident(Device& device, std::span<const std::shared_ptr<Weight>> weights);

// Whether any was resident.
bool evict(std::span<const std::shared_ptr<Weight>> weights);

// What make_resident() would allocate.
uint64_t missing_bytes(std::span<const std::shared_ptr<Weight>> weights);

}   // namespace kiln
