// Work recorded once and replayed many times: dispatches, copies and the barriers between them.
// Replay allocates nothing, writes no descriptor and creates no pipeline.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/vk/device.h"

namespace kiln {

struct Binding {
    Buffer buffer;   // the range that the kernel sees; offset aligned to Caps::offset_alignment
};

struct KernelTime {
    std::string_view label;
    double milliseconds;
};

class CommandList {
public:
    // `timed` adds a timestamp pair around every dispatch (see times()). A list is split into
    // chunks of about `chunk` dispatches, each its own submission, so that a run can be cancelled
    // and no watchdog fires.
    explicit CommandList(std::shared_ptr<Device> device, bool timed = false, int chunk = 64);
    ~CommandList();
    CommandList(CommandList&&) noexcept;
    CommandList& operator=(CommandList&&) noexcept;

    // One buffer per binding of the pipeline; `push` has exactly its push_bytes; the grid is in
    // workgroups, each axis > 0 and within Caps::workgroup_count. `label` must outlive the list.
    Result<void> dispatch(std::string_view label, const Pipeline& pipeline,
                          std::span<const Binding> bindings, std::span<const std::byte> push,
                          std::array<uint32_t, 3> grid);
    Result<void> copy(const Buffer& source, const Buffer& target);   // equal sizes
    void barrier();   // everything before is visible to everything after
    // What follows is submitted apart from what stands before, and only after `fill` ran on the
    // host. That may write what the device has used up to the split before this one; what was
    // recorded since may be running meanwhile.
    Result<void> split(std::function<void()> fill);
    Result<void> finish();

    std::vector<KernelTime> times()
        const;   // of the last run, in recording order; empty unless timed
    size_t dispatches() const;

private:
    friend class Device;
    struct State;
    std::unique_ptr<State> state_;
};

}   // namespace kiln
