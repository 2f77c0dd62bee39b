#include <algorithm>
#include <cstring>

#include "runtime/vk/context.h"

namespace kiln::vk {
namespace {

constexpr const char* kValidationLayer = "VK_LAYER_KHRONOS_validation";
constexpr const char* kNoDriver =
    "no Vulkan driver was found; install one (Debian: mesa-vulkan-drivers, or the vendor's "
    "package)";

VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT,
                                          VkDebugUtilsMessageTypeFlagsEXT,
                                          const VkDebugUtilsMessengerCallbackDataEXT* data,
                                          void* user) {
    auto* instance = static_cast<Instance*>(user);
    instance->messages++;
    if (instance->log) instance->log(LogLevel::error, data->pMessage);
    return VK_FALSE;
}

VkDebugUtilsMessengerCreateInfoEXT messenger_info(Instance* instance) {
    VkDebugUtilsMessengerCreateInfoEXT info{
        VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT};
    info.messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
    info.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT;
    info.pfnUserCallback = on_message;
    info.pUserData = instance;
    return info;
}

bool has_layer(const char* name) {
    uint32_t count = 0;
    if (vkEnumerateInstanceLayerProperties(&count, nullptr) != VK_SUCCESS) return false;
    std::vector<VkLayerProperties> layers(count);
    if (vkEnumerateInstanceLayerProperties(&count, layers.data()) < VK_SUCCESS) return false;
    return std::any_of(layers.begin(), layers.end(),
                       [&](const auto& layer) { return !std::strcmp(layer.layerName, name); });
}

bool has_extension(const char* layer, const char* name) {
    uint32_t count = 0;
    if (vkEnumerateInstanceExtensionProperties(layer, &count, nullptr) != VK_SUCCESS) return false;
    std::vector<VkExtensionProperties> list(count);
    if (vkEnumerateInstanceExtensionProperties(layer, &count, list.data()) < VK_SUCCESS)
        return false;
    return std::any_of(list.begin(), list.end(),
                       [&](const auto& e) { return !std::strcmp(e.extensionName, name); });
}

}   // namespace

std::string_view name_of(VkResult result) {
    switch (result) {
        case VK_NOT_READY: return "not ready";
        case VK_TIMEOUT: return "timeout";
        case VK_INCOMPLETE: return "incomplete";
        case VK_ERROR_OUT_OF_HOST_MEMORY: return "out of host memory";
        case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "out of device memory";
        case VK_ERROR_INITIALIZATION_FAILED: return "initialization failed";
        case VK_ERROR_DEVICE_LOST: return "device lost";
        case VK_ERROR_MEMORY_MAP_FAILED: return "memory map failed";
        case VK_ERROR_LAYER_NOT_PRESENT: return "layer not present";
        case VK_ERROR_EXTENSION_NOT_PRESENT: return "extension not present";
        case VK_ERROR_FEATURE_NOT_PRESENT: return "feature not present";
        case VK_ERROR_INCOMPATIBLE_DRIVER: return "incompatible driver";
        case VK_ERROR_TOO_MANY_OBJECTS: return "too many objects";
        case VK_ERROR_FRAGMENTED_POOL: return "fragmented pool";
        case VK_ERROR_OUT_OF_POOL_MEMORY: return "out of pool memory";
        case VK_ERROR_INVALID_SHADER_NV: return "invalid shader";
        case VK_ERROR_UNKNOWN: return "unknown error";
        default: return "error";
    }
}

Error failure(std::string_view call, VkResult result) {
    bool memory = result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return {memory ? Status::out_of_memory : Status::no_device,
            std::string(call) + ": " + std::string(name_of(result)) + " (" +
                std::to_string(int(result)) + ")"};
}

Result<std::shared_ptr<Instance>> Instance::create(bool validation, const LogSink& log) {
    uint32_t version = VK_API_VERSION_1_0;
    vkEnumerateInstanceVersion(&version);
    if (version < VK_API_VERSION_1_1) {
        return Error{Status::no_device,
                     "the Vulkan loader is older than 1.1; install a newer libvulkan"};
    }
    auto instance = std::make_shared<Instance>();
    instance->log = log;
    std::vector<const char*> layers, extensions;
    VkDebugUtilsMessengerCreateInfoEXT messages = messenger_info(instance.get());
    VkInstanceCreateInfo info{VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    if (validation && !has_layer(kValidationLayer)) {
        if (log) log(LogLevel::warning, "no validation layer (Debian: vulkan-validationlayers)");
        validation = false;
    }
    if (validation) {
        layers.push_back(kValidationLayer);
        extensions.push_back(VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
        info.pNext = &messages;
    }
    if (has_extension(nullptr, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
        extensions.push_back(VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME);
        info.flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
    }
    VkApplicationInfo application{VK_STRUCTURE_TYPE_APPLICATION_INFO};
    application.pApplicationName = application.pEngineName = "kiln";
    application.apiVersion = std::min(version, uint32_t(VK_API_VERSION_1_3));
    info.pApplicationInfo = &application;
    info.enabledLayerCount = uint32_t(layers.size());
    info.ppEnabledLayerNames = layers.data();
    info.enabledExtensionCount = uint32_t(extensions.size());
    info.ppEnabledExtensionNames = extensions.data();
    VkResult result = vkCreateInstance(&info, nullptr, &instance->handle);
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER) return Error{Status::no_device, kNoDriver};
    if (result != VK_SUCCESS) return failure("vkCreateInstance", result);
    if (validation) {
        auto create = reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(
            vkGetInstanceProcAddr(instance->handle, "vkCreateDebugUtilsMessengerEXT"));
        if (create) result = create(instance->handle, &messages, nullptr, &instance->messenger);
        if (!create || result != VK_SUCCESS)
            return failure("vkCreateDebugUtilsMessengerEXT", result);
    }
    return instance;
}

Instance::~Instance() {
    if (!handle) return;
    if (messenger) {
        auto destroy = reinterpret_cast<PFN_vkDestroyDebugUtilsMessengerEXT>(
            vkGetInstanceProcAddr(handle, "vkDestroyDebugUtilsMessengerEXT"));
        if (destroy) destroy(handle, messenger, nullptr);
    }
    vkDestroyInstance(handle, nullptr);
}

}   // namespace kiln::vk
