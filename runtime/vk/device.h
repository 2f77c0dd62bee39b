// The device: chosen, opened, and owning every Vulkan object that Kiln uses. Created and passed
// explicitly; several may coexist. One thread at a time may use a Device; the exceptions say so.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/vk/buffer.h"
#include "runtime/vk/caps.h"
#include "runtime/vk/pace.h"
#include "runtime/vk/pipeline.h"
#include "runtime/vk/tuning.h"

namespace kiln {

namespace vk {
struct Context;
}   // namespace vk
class CommandList;

struct DeviceOptions {
    std::string select;          // index, or part of the name without case; empty: the best one
    std::string profile;         // Caps profile, see caps.h
    uint64_t memory_limit = 0;   // bytes of device memory Kiln may hold; 0: the driver's budget
    bool validation =
        false;   // load VK_LAYER_KHRONOS_validation; its messages go to `log` as errors
    // Pipelines keep what statistics() tells; drivers then leave their caches aside.
    bool statistics = false;
    std::string cache_folder;   // where the pipeline cache lies; empty: none on disk
    LogSink log;
};

// One physical device as `kiln devices` shows it.
struct DeviceReport {
    int index;
    Caps caps;
    bool usable;
    bool chosen;          // what open() with the same options takes
    std::string reason;   // why refused, or why not chosen ("slower kind than ...")
};

// Where an allocation lies: in an arena with others, or, for what is large and goes as a whole, in
// memory of its own, of exactly its size, that is given back with it.
enum class Sharing : uint8_t { arena, apart };

struct MemoryUse {
    uint64_t held, peak, limit;   // bytes of device memory; limit 0: unknown
};

// What was asked of the driver so far. A replay submits, and does nothing else of this.
struct Calls {
    uint64_t allocations;   // of memory
    uint64_t pipelines, descriptor_sets, descriptor_writes, command_buffers, submissions;
    bool operator==(const Calls&) const = default;
};

class Device {
public:
    // Status::no_device with every device's reason when none is usable, and when there is
    // no driver at all, which package brings one.
    static Result<std::shared_ptr<Device>> open(const DeviceOptions& options);
    static Result<std::vector<DeviceReport>> list(const DeviceOptions& options);

    ~Device();
    const Caps& caps() const;
    // What operators choose their kernels by; graphs compiled later see what is set.
    const Tuning& tuning() const { return tuning_; }
    void set_tuning(Tuning tuning) { tuning_ = std::move(tuning); }
    // How long work takes here; runs correct it.
    Pace& pace() { return pace_; }
    MemoryUse memory() const;
    uint64_t room() const;   // bytes that limit and driver leave for more; UINT64_MAX: unknown
    uint64_t validation_messages() const;   // so far; tests assert zero
    bool validating() const;                // the layer was asked for and is installed

    // `bytes` > 0, within Caps::allocation. Sub-allocated, aligned to Caps::offset_alignment.
    // Status::out_of_memory says what was asked, held and allowed.
    Result<Buffer> allocate(uint64_t bytes, Intent intent, Sharing sharing = Sharing::arena);

    // Blocking copies between host memory and a buffer of any intent, through staging if needed.
    Result<void> write(const Buffer& target, const void* source, uint64_t bytes);
    Result<void> read(const Buffer& source, void* target, uint64_t bytes);

    // Compiles or finds. Safe from several threads at once. A driver that refuses the kernel is
    // Status::no_device with its name and the driver's code.
    Result<Pipeline> pipeline(const PipelineDesc& desc);
    std::vector<PipelineStatistic> statistics(
        const Pipeline& pipeline) const;   // empty: not reported, or not asked for
    // One for each description, in their order. Those that are not there yet are compiled side by
    // side on all cores; `watch_compiling`'s function hears, on this thread, how many of how many
    // are there.
    Result<std::vector<Pipeline>> pipelines(std::span<const PipelineDesc> descs);
    void watch_compiling(std::function<void(size_t done, size_t total)> watch) {
        compiling_ = std::move(watch);
    }
    uint64_t pipelines_created() const;
    // Those of them that the driver did not find in the pipeline cache, as far as it tells.
    uint64_t pipelines_compiled() const;
    Calls calls() const;
    Result<void> save_pipeline_cache();   // also done on destruction, silently

    // Runs a finished list to its end. `cancelled` is polled between its chunks; a cancelled run
    // is Status::interrupted. A lost device is Status::no_device naming the last finished kernel.
    Result<void> run(CommandList& list, const std::function<bool()>& cancelled = {});
    bool lost() const;   // a run lost the device: nothing can run on it any more

    vk::Context& context() { return *context_; }   // for runtime/vk only

private:
    explicit Device(std::shared_ptr<vk::Context> context);
    std::shared_ptr<vk::Context> context_;
    Tuning tuning_;
    Pace pace_;
    std::function<void(size_t, size_t)> compiling_;
};

}   // namespace kiln
