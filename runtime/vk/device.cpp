#include "runtime/vk/device.h"

#include <cstring>

#include "runtime/vk/choose.h"
#include "runtime/vk/context.h"

namespace kiln {

Device::Device(std::shared_ptr<vk::Context> context)
    : context_(std::move(context)), pace_(context_->caps) {
    context_->staging = std::make_unique<vk::Staging>();
}

Result<std::shared_ptr<Device>> Device::open(const DeviceOptions& options) {
    Result<std::shared_ptr<vk::Context>> context = vk::Context::open(options);
    if (!context) return context.error();
    return std::shared_ptr<Device>(new Device(std::move(context).value()));
}

Result<std::vector<DeviceReport>> Device::list(const DeviceOptions& options) {
    Result<std::shared_ptr<vk::Instance>> instance =
        vk::Instance::create(options.validation, options.log);
    if (!instance) return instance.error();
    Result<std::vector<vk::Physical>> devices = vk::query_all(**instance);
    if (!devices) return devices.error();
    std::vector<vk::Candidate> candidates;
    for (const vk::Physical& p : *devices)
        candidates.push_back({p.caps, p.compute_family.has_value()});
    std::vector<DeviceReport> reports = vk::judge(candidates, options.select);
    for (DeviceReport& report : reports) {
        Result<Caps> caps = masked(report.caps, options.profile);
        if (!caps) return caps.error();
        report.caps = std::move(caps).value();
    }
    return reports;
}

// Buffers and pipelines may live on and keep the Context; what the Context itself keeps goes now.
Device::~Device() {
    // Drivers without hardware, which only compile, have no queue to wait for.
    if (context_->submitted) vkDeviceWaitIdle(context_->device);
    (void)context_->pipelines.save(*context_);
    context_->staging.reset();
    context_->pipelines.clear();
}

const Caps& Device::caps() const { return context_->caps; }
MemoryUse Device::memory() const { return context_->memory.use(); }
uint64_t Device::validation_messages() const { return context_->instance->messages; }
bool Device::validating() const { return context_->instance->messenger != VK_NULL_HANDLE; }

bool Device::lost() const { return context_->lost; }

uint64_t Device::room() const { return context_->memory.room(); }

Result<Buffer> Device::allocate(uint64_t bytes, Intent intent, Sharing sharing) {
    Result<std::shared_ptr<vk::Block>> block =
        context_->memory.allocate(context_, bytes, intent, sharing);
    if (!block) return block.error();
    return Buffer(std::move(block).value(), 0, bytes);
}

Result<void> Device::write(const Buffer& target, const void* source, uint64_t bytes) {
    ensure(bytes <= target.size(), "a write within its buffer");
    if (bytes == 0) return {};
    if (std::byte* mapped = target.mapped()) {
        std::memcpy(mapped, source, bytes);
        return {};
    }
    return context_->staging->write(*context_, target.slice(0, bytes),
                                    static_cast<const std::byte*>(source));
}

Result<void> Device::read(const Buffer& source, void* target, uint64_t bytes) {
    ensure(bytes <= source.size(), "a read within its buffer");
    if (bytes == 0) return {};
    if (source.mapped() && source.block()->arena->cached) {
        std::memcpy(target, source.mapped(), bytes);
        return {};
    }
    return context_->staging->read(*context_, source.slice(0, bytes),
                                   static_cast<std::byte*>(target));
}

Result<Pipeline> Device::pipeline(const PipelineDesc& desc) {
    return context_->pipelines.find(context_, desc);
}

Result<std::vector<Pipeline>> Device::pipelines(std::span<const PipelineDesc> descs) {
    return context_->pipelines.find_all(context_, descs, compiling_);
}

uint64_t Device::pipelines_compiled() const { return context_->pipelines.compiled(); }
uint64_t Device::pipelines_created() const { return context_->pipelines.created(); }

Calls Device::calls() const {
    const auto& calls = context_->calls;
    return {.allocations = calls.allocations,
            .pipelines = pipelines_created(),
            .descriptor_sets = calls.descriptor_sets,
            .descriptor_writes = calls.descriptor_writes,
            .command_buffers = calls.command_buffers,
            .submissions = calls.submissions};
}

Result<void> Device::save_pipeline_cache() { return context_->pipelines.save(*context_); }

}   // namespace kiln
