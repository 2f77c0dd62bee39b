#include "runtime/vk/context.h"

namespace kiln {
namespace {

double value_of(const VkPipelineExecutableStatisticKHR& statistic) {
    switch (statistic.format) {
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR: return statistic.value.b32;
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR: return double(statistic.value.i64);
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR: return double(statistic.value.u64);
        default: return statistic.value.f64;
    }
}

}   // namespace

std::vector<PipelineStatistic> Device::statistics(const Pipeline& pipeline) const {
    std::vector<PipelineStatistic> out;
    if (!context_->options.statistics || !context_->physical.executable_properties) return out;
    VkDevice device = context_->device;
    auto executables_of = reinterpret_cast<PFN_vkGetPipelineExecutablePropertiesKHR>(
        vkGetDeviceProcAddr(device, "vkGetPipelineExecutablePropertiesKHR"));
    auto statistics_of = reinterpret_cast<PFN_vkGetPipelineExecutableStatisticsKHR>(
        vkGetDeviceProcAddr(device, "vkGetPipelineExecutableStatisticsKHR"));
    if (!executables_of || !statistics_of) return out;
    VkPipelineInfoKHR info{VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, nullptr, pipeline->pipeline.get()};
    uint32_t count = 0;
    if (executables_of(device, &info, &count, nullptr) != VK_SUCCESS) return out;
    for (uint32_t index = 0; index < count; index++) {
        VkPipelineExecutableInfoKHR which{VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, nullptr,
                                          pipeline->pipeline.get(), index};
        uint32_t n = 0;
        if (statistics_of(device, &which, &n, nullptr) != VK_SUCCESS) continue;
        std::vector<VkPipelineExecutableStatisticKHR> list(
            n, {VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR, nullptr, {}, {}, {}, {}});
        if (statistics_of(device, &which, &n, list.data()) != VK_SUCCESS) continue;
        for (const auto& statistic : list) out.push_back({statistic.name, value_of(statistic)});
    }
    return out;
}

}   // namespace kiln
