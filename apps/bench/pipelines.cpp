#include "apps/bench/pipelines.h"

#include <chrono>

#include "runtime/kernel/registry.h"
#include "runtime/vk/demands.h"

namespace kiln::bench {
namespace {

PipelineDesc desc_of(const KernelSource& kernel) {
    PipelineDesc desc{.name = kernel.name, .spirv = kernel.spirv, .push_bytes = kernel.push_bytes};
    for (const KernelBinding& binding : kernel.bindings)
        desc.bindings.push_back(binding.texel ? BindingKind::texel_rgba32f : BindingKind::storage);
    return desc;
}

// Ours beside what RADV and ANV call it.
struct Name {
    const char *ours, *radv, *anv;
};
constexpr Name kNames[] = {{"registers", "VGPRs", "Max live registers"},
                           {"spills", "Spilled VGPRs", "Spill Count"},
                           {"scratch", "Scratch size", "Scratch Memory Size"},
                           {"cost", "Inverse Throughput", "Cycle Count"}};

}   // namespace

Result<void> run_pipelines(const std::shared_ptr<Device>& device,
                           const std::function<void(const Row&)>& each,
                           const std::function<bool()>& cancelled) {
    for (const KernelSource* kernel : kernels::all()) {
        if (cancelled && cancelled()) return Error{Status::interrupted, "interrupted"};
        if (!vk::objection_to(kernel->spirv, {}, device->caps()).empty()) continue;
        auto begin = std::chrono::steady_clock::now();
        Result<Pipeline> pipeline = device->pipeline(desc_of(*kernel));
        if (!pipeline) return pipeline.error();
        std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
        Row row = {{"bench", "pipelines"},
                   {"case", std::string(kernel->name) + " " + std::string(kernel->variant)},
                   {"device", device->caps().device},
                   {"ms", taken.count()}};
        for (const PipelineStatistic& statistic : device->statistics(*pipeline))
            for (const Name& name : kNames)
                if (statistic.name == name.radv || statistic.name == name.anv)
                    row[name.ours] = statistic.value;
        each(row);
    }
    return {};
}

}   // namespace kiln::bench
