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
    double begin = 0;   // milliseconds after the first kernel of the run began
    size_t chunk = 0;   // in which it begins
};

// Chunks that went to the device together; times in milliseconds of std::chrono::steady_clock.
struct Submission {
    size_t begin = 0, end = 0;            // chunks
    double submitted = 0, returned = 0;   // when the host's call began and ended
    double finished = 0, waited = 0;      // when the device was done; how long the host slept
};

class CommandList {
public:
    // `timed` adds a timestamp pair around every dispatch (see times()). A list is recorded in
    // chunks of at most `chunk` dispatches, fewer where they are long. A replay submits as many
    // chunks at a time as Pace::longest() allows, by what they took before or are expected to
    // take, so that a run can be cancelled and no watchdog fires.
    explicit CommandList(std::shared_ptr<Device> device, bool timed = false, int chunk = 64);
    ~CommandList();
    CommandList(CommandList&&) noexcept;
    CommandList& operator=(CommandList&&) noexcept;

    // One buffer per binding of the pipeline; `push` has exactly its push_bytes; the grid is in
    // workgroups, each axis > 0 and within Caps::workgroup_count. `label` must outlive the list.
    // A divisible pipeline is dispatched in as many parts of the grid as `work` takes; without
    // `work`, the bindings are counted as moved once.
    Result<void> dispatch(std::string_view label, const Pipeline& pipeline,
                          std::span<const Binding> bindings, std::span<const std::byte> push,
                          std::array<uint32_t, 3> grid, const Work& work = {});
    Result<void> copy(const Buffer& source, const Buffer& target);   // equal sizes
    void barrier();   // everything before is visible to everything after
    // What follows is submitted apart from what stands before, and only after `fill` ran on the
    // host. That may write what the device has used up to the split before this one; what was
    // recorded since may be running meanwhile.
    Result<void> split(std::function<void()> fill);
    // The same with copies in place of `fill`, which the device's transfer queue makes.
    struct Copy {
        Buffer source, target;   // of equal sizes
    };
    Result<void> bring(std::span<const Copy> copies);
    Result<void> finish();

    // Of the last run, in recording order; empty unless timed.
    std::vector<KernelTime> times() const;
    std::span<const Submission> submissions() const;   // of the last run
    size_t dispatches() const;

private:
    friend class Device;
    struct State;
    std::unique_ptr<State> state_;
};

}   // namespace kiln
