#include "runtime/vk/context.h"

#include "runtime/vk/choose.h"

namespace kiln::vk {
namespace {

Result<int> chosen(const std::vector<Physical>& devices, const DeviceOptions& options) {
    std::vector<Candidate> candidates;
    for (const Physical& p : devices) candidates.push_back({p.caps, p.compute_family.has_value()});
    std::string reasons;
    for (const DeviceReport& report : judge(candidates, options.select)) {
        if (report.chosen) return report.index;
        reasons +=
            "\n  " + std::to_string(report.index) + " " + report.caps.device + ": " + report.reason;
    }
    if (devices.empty()) {
        return Error{Status::no_device,
                     "no Vulkan device; a driver is missing (Debian: "
                     "mesa-vulkan-drivers, or the vendor's package)"};
    }
    return Error{Status::no_device, "no usable Vulkan device:" + reasons};
}

// What the masked caps promise is switched on, and nothing else.
void enable(Features& features, const Context& context) {
    const Caps& caps = context.caps;
    features.core.features.shaderInt64 = caps.int64;
    features.storage16.storageBuffer16BitAccess = caps.storage_16bit;
    features.storage8.storageBuffer8BitAccess = caps.storage_8bit;
    features.float16.shaderFloat16 = caps.fp16;
    features.subgroup_size.subgroupSizeControl = caps.subgroup_size_control;
    features.subgroup_size.computeFullSubgroups = caps.subgroup_size_control;
    features.atomic_float.shaderBufferFloat32AtomicAdd = caps.float_atomics;
    features.dot.shaderIntegerDotProduct = caps.packed_dot;
    features.executables.pipelineExecutableInfo =
        context.options.statistics && context.physical.executable_properties;
    features.memory_model.vulkanMemoryModel = !caps.matrices.empty();
    features.matrices.cooperativeMatrix = !caps.matrices.empty();
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV& flexible = features.flexible_matrices;
    features.maintenance4.maintenance4 = !caps.flexible_matrices.empty();   // for LocalSizeId
    flexible.cooperativeMatrixWorkgroupScope = caps.matrix_tensors;
    flexible.cooperativeMatrixTensorAddressing = caps.matrix_tensors;
    flexible.cooperativeMatrixFlexibleDimensions = !caps.flexible_matrices.empty();
    flexible.cooperativeMatrixReductions = !caps.flexible_matrices.empty();
    flexible.cooperativeMatrixConversions = !caps.flexible_matrices.empty();
    flexible.cooperativeMatrixPerElementOperations = !caps.flexible_matrices.empty();
    flexible.cooperativeMatrixBlockLoads = false;
}

Result<void> create_device(Context& context) {
    const Physical& physical = context.physical;
    Features features(physical);
    enable(features, context);
    std::vector<const char*> extensions;
    for (const char* name :
         {VK_KHR_8BIT_STORAGE_EXTENSION_NAME, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME,
          VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME, VK_EXT_SHADER_ATOMIC_FLOAT_EXTENSION_NAME,
          VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME,
          VK_EXT_PIPELINE_CREATION_FEEDBACK_EXTENSION_NAME,
          VK_KHR_VULKAN_MEMORY_MODEL_EXTENSION_NAME,
          VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME,
          VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME, VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME,
          "VK_KHR_portability_subset"}) {
        if (physical.has(name)) extensions.push_back(name);
    }
    float priority = 1;
    std::array<VkDeviceQueueCreateInfo, 2> queues;
    for (VkDeviceQueueCreateInfo& queue : queues) {
        queue = {VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
        queue.queueCount = 1;
        queue.pQueuePriorities = &priority;
    }
    queues[0].queueFamilyIndex = *physical.compute_family;
    queues[1].queueFamilyIndex = context.transfer_family();
    VkDeviceCreateInfo info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
    info.pNext = &features.core;
    info.queueCreateInfoCount = context.caps.transfer_queue ? 2 : 1;
    info.pQueueCreateInfos = queues.data();
    info.enabledExtensionCount = uint32_t(extensions.size());
    info.ppEnabledExtensionNames = extensions.data();
    VkResult result = vkCreateDevice(physical.handle, &info, nullptr, &context.device);
    if (result != VK_SUCCESS) return failure("vkCreateDevice on " + context.caps.device, result);
    vkGetDeviceQueue(context.device, *physical.compute_family, 0, &context.queue);
    vkGetDeviceQueue(context.device, context.transfer_family(), 0, &context.transfer_queue);
    return {};
}

}   // namespace

Result<std::shared_ptr<Context>> Context::open(const DeviceOptions& options) {
    Result<std::shared_ptr<Instance>> instance = Instance::create(options.validation, options.log);
    if (!instance) return instance.error();
    Result<std::vector<Physical>> devices = query_all(**instance);
    if (!devices) return devices.error();
    Result<int> index = chosen(*devices, options);
    if (!index) return index.error();

    auto context = std::make_shared<Context>();
    context->instance = *instance;
    context->options = options;
    context->physical = (*devices)[size_t(*index)];
    Result<Caps> caps = masked(context->physical.caps, options.profile);
    if (!caps) return caps.error();
    context->caps = *caps;
    context->memory_budget = context->physical.has(VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    if (Result<void> r = create_device(*context); !r) return r.error();
    if (Result<void> r = context->memory.attach(*context); !r) return r.error();
    context->pipelines.attach(*context);
    return context;
}

Context::~Context() {
    if (!device) return;
    memory.clear();
    pipelines.clear();
    vkDestroyDevice(device, nullptr);
}

void memory_barrier(VkCommandBuffer commands, VkPipelineStageFlags stages, VkAccessFlags access) {
    VkMemoryBarrier barrier{VK_STRUCTURE_TYPE_MEMORY_BARRIER};
    barrier.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
    barrier.dstAccessMask = access;
    vkCmdPipelineBarrier(commands,
                         VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                         stages, 0, 1, &barrier, 0, nullptr, 0, nullptr);
}

}   // namespace kiln::vk
