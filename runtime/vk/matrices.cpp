#include "runtime/vk/context.h"

namespace kiln::vk {
namespace {

MatrixEntry entry_of(VkComponentTypeKHR type) {
    switch (int64_t(type)) {
        case VK_COMPONENT_TYPE_FLOAT16_NV: return MatrixEntry::f16;
        case VK_COMPONENT_TYPE_FLOAT32_NV: return MatrixEntry::f32;
        case VK_COMPONENT_TYPE_SINT8_NV: return MatrixEntry::s8;
        case VK_COMPONENT_TYPE_UINT8_NV: return MatrixEntry::u8;
        case VK_COMPONENT_TYPE_SINT32_NV: return MatrixEntry::s32;
        case VK_COMPONENT_TYPE_UINT32_NV: return MatrixEntry::u32;
        case 1000141000: return MatrixEntry::bf16;   // VK_COMPONENT_TYPE_BFLOAT16_KHR
        case 1000491002: return MatrixEntry::e4m3;   // VK_COMPONENT_TYPE_FLOAT8_E4M3_EXT
        case 1000491003: return MatrixEntry::e5m2;   // VK_COMPONENT_TYPE_FLOAT8_E5M2_EXT
        default: return MatrixEntry::other;
    }
}

// What both extensions enumerate, from a function of the instance; empty when it fails.
template <class Property, class Function>
std::vector<Property> enumerated(const Instance& instance, const Physical& physical,
                                 const char* name, VkStructureType type) {
    auto list = reinterpret_cast<Function>(vkGetInstanceProcAddr(instance.handle, name));
    uint32_t count = 0;
    if (!list || list(physical.handle, &count, nullptr) != VK_SUCCESS) return {};
    Property blank{};
    blank.sType = type;
    std::vector<Property> properties(count, blank);
    if (list(physical.handle, &count, properties.data()) != VK_SUCCESS) return {};
    properties.resize(count);
    return properties;
}

template <class Property>
MatrixShape shape_of(const Property& p, uint32_t m, uint32_t n, uint32_t k) {
    return {.m = m,
            .n = n,
            .k = k,
            .a = entry_of(p.AType),
            .b = entry_of(p.BType),
            .c = entry_of(p.CType),
            .d = entry_of(p.ResultType),
            .saturating = p.saturatingAccumulation == VK_TRUE};
}

void query_subgroup_shapes(const Instance& instance, Physical& physical) {
    for (const auto& p : enumerated<VkCooperativeMatrixPropertiesKHR,
                                    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR>(
             instance, physical, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR",
             VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR)) {
        if (p.scope == VK_SCOPE_SUBGROUP_NV)
            physical.caps.matrices.push_back(shape_of(p, p.MSize, p.NSize, p.KSize));
    }
}

void query_flexible_shapes(const Instance& instance, Physical& physical) {
    Caps& caps = physical.caps;
    for (const auto& p :
         enumerated<VkCooperativeMatrixFlexibleDimensionsPropertiesNV,
                    PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV>(
             instance, physical,
             "vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV",
             VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV)) {
        bool workgroup = p.scope == VK_SCOPE_WORKGROUP_NV && caps.matrix_tensors;
        if (!workgroup && p.scope != VK_SCOPE_SUBGROUP_NV) continue;
        MatrixShape shape = shape_of(p, p.MGranularity, p.NGranularity, p.KGranularity);
        shape.invocations = workgroup ? p.workgroupInvocations : 0;
        caps.flexible_matrices.push_back(shape);
    }
    VkPhysicalDeviceCooperativeMatrix2PropertiesNV limits{};
    limits.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_PROPERTIES_NV;
    VkPhysicalDeviceProperties2 core{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    core.pNext = &limits;
    vkGetPhysicalDeviceProperties2(physical.handle, &core);
    caps.matrix_extent = limits.cooperativeMatrixFlexibleDimensionsMaxDimension;
    caps.matrix_invocations = limits.cooperativeMatrixWorkgroupScopeMaxWorkgroupSize;
    caps.matrix_shared = limits.cooperativeMatrixWorkgroupScopeReservedSharedMemory;
}

// A kind of properties that an extension adds; zeros when the device does not have it.
template <class Property>
Property property_of(const Physical& physical, const char* extension, VkStructureType type) {
    Property property{};
    if (!physical.has(extension)) return property;
    property.sType = type;
    VkPhysicalDeviceProperties2 core{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    core.pNext = &property;
    vkGetPhysicalDeviceProperties2(physical.handle, &core);
    return property;
}

}   // namespace

void query_matrices(const Instance& instance, Physical& physical, const Features& features) {
    const auto& flexible = features.flexible_matrices;
    bool usable = features.matrices.cooperativeMatrix && features.memory_model.vulkanMemoryModel &&
                  physical.caps.fp16;
    if (!usable) return;
    query_subgroup_shapes(instance, physical);
    if (physical.caps.api_version < VK_API_VERSION_1_3 || !features.maintenance4.maintenance4)
        return;   // its shaders are SPIR-V 1.6
    if (!flexible.cooperativeMatrixFlexibleDimensions || !flexible.cooperativeMatrixReductions ||
        !flexible.cooperativeMatrixConversions || !flexible.cooperativeMatrixPerElementOperations)
        return;
    physical.caps.matrix_tensors =
        flexible.cooperativeMatrixWorkgroupScope && flexible.cooperativeMatrixTensorAddressing;
    query_flexible_shapes(instance, physical);
}

void query_cores(Physical& physical) {
    auto nvidia = property_of<VkPhysicalDeviceShaderSMBuiltinsPropertiesNV>(
        physical, VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME,
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV);
    auto amd = property_of<VkPhysicalDeviceShaderCorePropertiesAMD>(
        physical, VK_AMD_SHADER_CORE_PROPERTIES_EXTENSION_NAME,
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_AMD);
    auto active = property_of<VkPhysicalDeviceShaderCoreProperties2AMD>(
        physical, VK_AMD_SHADER_CORE_PROPERTIES_2_EXTENSION_NAME,
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_2_AMD);
    auto arm = property_of<VkPhysicalDeviceShaderCoreBuiltinsPropertiesARM>(
        physical, VK_ARM_SHADER_CORE_BUILTINS_EXTENSION_NAME,
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_BUILTINS_PROPERTIES_ARM);
    uint32_t units =
        amd.shaderEngineCount * amd.shaderArraysPerEngineCount * amd.computeUnitsPerShaderArray;
    if (active.activeComputeUnitCount) units = active.activeComputeUnitCount;
    physical.caps.cores = nvidia.shaderSMCount + units + arm.shaderCoreCount;
}

}   // namespace kiln::vk
