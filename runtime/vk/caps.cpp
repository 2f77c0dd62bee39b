#include "runtime/vk/caps.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "runtime/vk/context.h"

namespace kiln {
namespace {

void without_subgroups(Caps& caps) {
    caps.subgroup_size = caps.subgroup_min = caps.subgroup_max = 1;
    caps.subgroup_ballot = caps.subgroup_arithmetic = caps.subgroup_shuffle = false;
    caps.subgroup_size_control = false;
}

template <class T>
void at_most(T& field, T limit) {
    field = std::min(field, limit);
}

void without_flexible_matrices(Caps& caps) {
    caps.flexible_matrices.clear();
    caps.matrix_tensors = false;
    caps.matrix_extent = caps.matrix_invocations = caps.matrix_shared = 0;
}

void to_mobile(Caps& caps) {
    at_most(caps.shared_memory, 16384u);
    at_most(caps.invocations, 128u);
    at_most<uint64_t>(caps.binding_range, 1u << 27);
    at_most<uint64_t>(caps.allocation, 1u << 30);
    at_most<uint64_t>(caps.texel_elements, 65536);
    at_most(caps.push_bytes, 128u);
    at_most(caps.storage_bindings, 8u);
    for (int axis = 0; axis < 3; axis++) {
        at_most(caps.workgroup_size[axis], axis == 2 ? 64u : 128u);
        at_most(caps.workgroup_count[axis], 65535u);
    }
    caps.offset_alignment = std::max(caps.offset_alignment, 256u);
    caps.int64 = caps.float_atomics = caps.storage_8bit = false;
    caps.packed_dot = caps.fast_dot = caps.mixed_dot = false;
    caps.matrices.clear();
    without_flexible_matrices(caps);
}

void to_minimal(Caps& caps) {
    to_mobile(caps);
    without_subgroups(caps);
    caps.fp16 = caps.storage_16bit = caps.unified_memory = caps.transfer_queue = false;
    caps.host_memory = 0;
    caps.loop_iterations =
        caps.loop_iterations ? std::min<uint64_t>(caps.loop_iterations, 65535) : 65535;
}

void to_desktop(Caps& caps) {
    at_most(caps.shared_memory, 32768u);
    at_most(caps.invocations, 256u);
    caps.float_atomics = false;
    without_flexible_matrices(caps);
}

}   // namespace

std::string_view name_of(MatrixEntry entry) {
    switch (entry) {
        case MatrixEntry::f16: return "f16";
        case MatrixEntry::bf16: return "bf16";
        case MatrixEntry::e4m3: return "e4m3";
        case MatrixEntry::e5m2: return "e5m2";
        case MatrixEntry::s8: return "s8";
        case MatrixEntry::u8: return "u8";
        case MatrixEntry::f32: return "f32";
        case MatrixEntry::s32: return "s32";
        case MatrixEntry::u32: return "u32";
        case MatrixEntry::other: break;
    }
    return "other";
}

bool matrix_hardware(const Caps& caps) {
    if (caps.matrices.empty() || caps.kind == DeviceKind::cpu) return false;
    if (caps.vendor_id == vendor::qualcomm) return false;
    if (caps.vendor_id == vendor::amd) return caps.driver == "radv" || caps.mixed_dot;
    bool dg2 = caps.device_id >> 8 == 0x56 || caps.device_id >> 4 == 0x4f8;
    return caps.vendor_id != vendor::intel || caps.subgroup_min >= 16 || dg2;
}

std::string_view name_of(DeviceKind kind) {
    switch (kind) {
        case DeviceKind::discrete: return "discrete";
        case DeviceKind::integrated: return "integrated";
        case DeviceKind::virtual_gpu: return "virtual";
        case DeviceKind::cpu: return "cpu";
        case DeviceKind::other: break;
    }
    return "other";
}

Result<Caps> masked(Caps caps, std::string_view profile) {
    if (profile == "minimal")
        to_minimal(caps);
    else if (profile == "mobile")
        to_mobile(caps);
    else if (profile == "desktop")
        to_desktop(caps);
    else if (!profile.empty() && profile != "full") {
        return Error{Status::usage, "no caps profile '" + std::string(profile) +
                                        "'; there are: full, desktop, mobile, minimal"};
    }
    caps.profile = profile == "full" ? "" : profile;
    return caps;
}

namespace vk {
namespace {

DeviceKind kind_of(VkPhysicalDeviceType type) {
    switch (type) {
        case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return DeviceKind::discrete;
        case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return DeviceKind::integrated;
        case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return DeviceKind::virtual_gpu;
        case VK_PHYSICAL_DEVICE_TYPE_CPU: return DeviceKind::cpu;
        default: return DeviceKind::other;
    }
}

Result<void> query_extensions(Physical& physical) {
    uint32_t count = 0;
    VkResult result =
        vkEnumerateDeviceExtensionProperties(physical.handle, nullptr, &count, nullptr);
    std::vector<VkExtensionProperties> list(count);
    if (result == VK_SUCCESS) {
        result =
            vkEnumerateDeviceExtensionProperties(physical.handle, nullptr, &count, list.data());
    }
    if (result != VK_SUCCESS) return failure("vkEnumerateDeviceExtensionProperties", result);
    for (const auto& e : list) physical.extensions.emplace_back(e.extensionName);
    return {};
}

// Of queues for video and optical flow, which newer headers name.
constexpr VkQueueFlags kVideoAndFlow = 0x20 | 0x40 | 0x100;

void query_queue(Physical& physical) {
    uint32_t count = 0;
    vkGetPhysicalDeviceQueueFamilyProperties(physical.handle, &count, nullptr);
    std::vector<VkQueueFamilyProperties> families(count);
    vkGetPhysicalDeviceQueueFamilyProperties(physical.handle, &count, families.data());
    for (uint32_t i = 0; i < count; i++) {
        if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) || physical.compute_family) continue;
        physical.compute_family = i;
        uint32_t bits = families[i].timestampValidBits;
        physical.timestamp_mask = bits >= 64 ? UINT64_MAX : (uint64_t(1) << bits) - 1;
        if (bits == 0) physical.caps.timestamp_ns = 0;
    }
    constexpr VkQueueFlags kKinds =
        VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT | kVideoAndFlow;
    for (uint32_t i = 0; i < count && !physical.transfer_family; i++)
        if ((families[i].queueFlags & kKinds) == VK_QUEUE_TRANSFER_BIT)
            physical.transfer_family = i;
    physical.caps.transfer_queue = physical.transfer_family.has_value();
}

// Mesa before 23 stops a loop silently after 65535 back-edges on its CPU driver.
uint64_t loop_limit(const VkPhysicalDeviceDriverProperties& driver) {
    constexpr std::string_view kMesa = "Mesa ";
    std::string_view info = driver.driverInfo;
    if (driver.driverID != VK_DRIVER_ID_MESA_LLVMPIPE || info.substr(0, kMesa.size()) != kMesa)
        return 0;
    int major = 0;
    std::from_chars(info.data() + kMesa.size(), info.data() + info.size(), major);
    return major < 23 ? 65535 : 0;
}

void query_limits(Caps& caps, const VkPhysicalDeviceLimits& limits) {
    caps.shared_memory = limits.maxComputeSharedMemorySize;
    caps.invocations = limits.maxComputeWorkGroupInvocations;
    std::copy_n(limits.maxComputeWorkGroupSize, 3, caps.workgroup_size.begin());
    std::copy_n(limits.maxComputeWorkGroupCount, 3, caps.workgroup_count.begin());
    caps.binding_range = limits.maxStorageBufferRange;
    caps.texel_elements = limits.maxTexelBufferElements;
    caps.offset_alignment = uint32_t(std::max<VkDeviceSize>(
        {limits.minStorageBufferOffsetAlignment, limits.minTexelBufferOffsetAlignment, 16}));
    caps.push_bytes = limits.maxPushConstantsSize;
    caps.storage_bindings =
        std::min(limits.maxPerStageDescriptorStorageBuffers, limits.maxDescriptorSetStorageBuffers);
    caps.timestamp_ns = limits.timestampPeriod;
}

void query_subgroups(Caps& caps, const VkPhysicalDeviceSubgroupProperties& subgroup,
                     const VkPhysicalDeviceSubgroupSizeControlProperties& control) {
    bool compute = subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT;
    auto offers = [&](VkSubgroupFeatureFlags flags) {
        return compute && (subgroup.supportedOperations & flags) == flags;
    };
    caps.subgroup_size = caps.subgroup_min = caps.subgroup_max = subgroup.subgroupSize;
    caps.subgroup_ballot = offers(VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_BALLOT_BIT);
    caps.subgroup_arithmetic =
        offers(VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_ARITHMETIC_BIT);
    caps.subgroup_shuffle = offers(VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_SHUFFLE_BIT);
    caps.subgroup_size_control = control.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT;
    if (caps.subgroup_size_control) {
        caps.subgroup_min = control.minSubgroupSize;
        caps.subgroup_max = control.maxSubgroupSize;
    }
}

void query_properties(Physical& physical) {
    Caps& caps = physical.caps;
    VkPhysicalDeviceProperties2 core{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    VkPhysicalDeviceSubgroupProperties subgroup{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
    VkPhysicalDeviceMaintenance3Properties allocation{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES};
    VkPhysicalDeviceMaintenance4Properties buffer{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES};
    VkPhysicalDeviceDriverProperties driver{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
    VkPhysicalDeviceSubgroupSizeControlProperties control{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceShaderIntegerDotProductProperties dot{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES};
    auto chain = [&](auto& next) {
        next.pNext = core.pNext;
        core.pNext = &next;
    };
    chain(subgroup);
    chain(allocation);
    if (promoted(physical, VK_API_VERSION_1_2, VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME))
        chain(driver);
    if (promoted(physical, VK_API_VERSION_1_3, VK_KHR_MAINTENANCE_4_EXTENSION_NAME)) chain(buffer);
    if (promoted(physical, VK_API_VERSION_1_3, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME))
        chain(control);
    if (promoted(physical, VK_API_VERSION_1_3, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME))
        chain(dot);
    vkGetPhysicalDeviceProperties2(physical.handle, &core);

    query_limits(caps, core.properties.limits);
    query_subgroups(caps, subgroup, control);
    caps.allocation = allocation.maxMemoryAllocationSize;
    if (buffer.maxBufferSize) at_most<uint64_t>(caps.allocation, buffer.maxBufferSize);
    caps.driver = driver.driverName;
    caps.driver_info = driver.driverInfo;
    caps.loop_iterations = loop_limit(driver);
    caps.fast_dot = dot.integerDotProduct4x8BitPackedSignedAccelerated;
    caps.mixed_dot = dot.integerDotProduct4x8BitPackedMixedSignednessAccelerated;
}

void query_features(const Instance& instance, Physical& physical) {
    Caps& caps = physical.caps;
    Features features(physical);
    vkGetPhysicalDeviceFeatures2(physical.handle, &features.core);
    physical.creation_feedback =
        promoted(physical, VK_API_VERSION_1_3, VK_EXT_PIPELINE_CREATION_FEEDBACK_EXTENSION_NAME);
    caps.storage_16bit = features.storage16.storageBuffer16BitAccess;
    caps.storage_8bit = features.storage8.storageBuffer8BitAccess;
    caps.fp16 = features.float16.shaderFloat16;
    caps.int64 = features.core.features.shaderInt64;
    caps.float_atomics = features.atomic_float.shaderBufferFloat32AtomicAdd;
    caps.packed_dot = features.dot.shaderIntegerDotProduct;
    caps.subgroup_size_control = caps.subgroup_size_control &&
                                 features.subgroup_size.subgroupSizeControl &&
                                 features.subgroup_size.computeFullSubgroups;
    physical.executable_properties = features.executables.pipelineExecutableInfo;
    query_matrices(instance, physical, features);
}

void query_memory(Physical& physical) {
    vkGetPhysicalDeviceMemoryProperties(physical.handle, &physical.memory);
    const auto& memory = physical.memory;
    uint32_t largest = 0;
    for (uint32_t i = 0; i < memory.memoryHeapCount; i++) {
        if (!(memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)) continue;
        if (memory.memoryHeaps[i].size <= physical.caps.device_memory) continue;
        physical.caps.device_memory = memory.memoryHeaps[i].size;
        largest = i;
    }
    constexpr VkMemoryPropertyFlags kMapped = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT |
                                              VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                              VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    for (uint32_t i = 0; i < memory.memoryTypeCount; i++) {
        const auto& type = memory.memoryTypes[i];
        bool mapped = (type.propertyFlags & kMapped) == kMapped && type.heapIndex == largest;
        physical.caps.unified_memory |= mapped;
        constexpr VkMemoryPropertyFlags kReached =
            VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
        const VkMemoryHeap& heap = memory.memoryHeaps[type.heapIndex];
        if ((type.propertyFlags & kReached) == kReached &&
            !(heap.flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT))
            physical.caps.host_memory = std::max<uint64_t>(physical.caps.host_memory, heap.size);
    }
}

}   // namespace

bool Physical::has(std::string_view extension) const {
    return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

bool promoted(const Physical& physical, uint32_t version, const char* extension) {
    return physical.caps.api_version >= version || physical.has(extension);
}

Features::Features(const Physical& physical) {
    auto chain = [&](auto& next) {
        next.pNext = core.pNext;
        core.pNext = &next;
    };
    chain(storage16);
    if (promoted(physical, VK_API_VERSION_1_2, VK_KHR_8BIT_STORAGE_EXTENSION_NAME)) chain(storage8);
    if (promoted(physical, VK_API_VERSION_1_2, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME))
        chain(float16);
    if (promoted(physical, VK_API_VERSION_1_3, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME)) {
        chain(subgroup_size);
    }
    if (physical.has(VK_EXT_SHADER_ATOMIC_FLOAT_EXTENSION_NAME)) chain(atomic_float);
    if (physical.has(VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME)) chain(executables);
    if (promoted(physical, VK_API_VERSION_1_2, VK_KHR_VULKAN_MEMORY_MODEL_EXTENSION_NAME))
        chain(memory_model);
    if (promoted(physical, VK_API_VERSION_1_3, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME))
        chain(dot);
    if (promoted(physical, VK_API_VERSION_1_3, VK_KHR_MAINTENANCE_4_EXTENSION_NAME))
        chain(maintenance4);
    if (physical.has(VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME)) chain(matrices);
    if (physical.has(VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME)) chain(flexible_matrices);
}

Result<std::vector<Physical>> query_all(const Instance& instance) {
    uint32_t count = 0;
    VkResult result = vkEnumeratePhysicalDevices(instance.handle, &count, nullptr);
    std::vector<VkPhysicalDevice> handles(count);
    if (result == VK_SUCCESS && count) {
        result = vkEnumeratePhysicalDevices(instance.handle, &count, handles.data());
    }
    if (result != VK_SUCCESS && result != VK_ERROR_INITIALIZATION_FAILED) {
        return failure("vkEnumeratePhysicalDevices", result);
    }
    std::vector<Physical> all;
    for (VkPhysicalDevice handle : handles) {
        Physical& physical = all.emplace_back();
        physical.handle = handle;
        VkPhysicalDeviceProperties basic;
        vkGetPhysicalDeviceProperties(handle, &basic);
        Caps& caps = physical.caps;
        caps.device = basic.deviceName;
        caps.vendor_id = basic.vendorID;
        caps.device_id = basic.deviceID;
        caps.driver_version = basic.driverVersion;
        caps.api_version = basic.apiVersion;
        caps.kind = kind_of(basic.deviceType);
        std::copy_n(basic.pipelineCacheUUID, 16, caps.cache_uuid.begin());
        if (caps.api_version < VK_API_VERSION_1_1) continue;
        if (Result<void> r = query_extensions(physical); !r) return r.error();
        query_properties(physical);
        query_features(instance, physical);
        query_cores(physical);
        query_memory(physical);
        query_queue(physical);
    }
    return all;
}

}   // namespace vk
}   // namespace kiln
