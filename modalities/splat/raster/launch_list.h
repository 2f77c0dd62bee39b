// Launches over buffers that outlive them, recorded once and replayed: for algorithms whose memory
// is not a graph's. Barriers follow from the kernels' Read and Write bindings.
#pragma once
#include <memory>
#include <vector>

#include "runtime/kernel/kernel.h"
#include "runtime/vk/command_list.h"

namespace kiln {

class LaunchList {
public:
    explicit LaunchList(std::shared_ptr<Device> device, bool timed = false)
        : device_(std::move(device)), list_(device_, timed) {}

    Device& device() const { return *device_; }
    const std::shared_ptr<Device>& shared_device() const { return device_; }
    Operand operand(const Buffer& buffer, DType dtype = DType::f32);
    void add(Launch launch) { launches_.push_back(std::move(launch)); }

    Result<void> record();   // once, after the last add()
    Result<void> run() { return device_->run(list_); }
    std::vector<KernelTime> times() const { return list_.times(); }   // of the last run, if timed

private:
    std::shared_ptr<Device> device_;
    std::vector<Buffer> buffers_;   // by slot
    std::vector<Launch> launches_;
    CommandList list_;
};

}   // namespace kiln
